// The networks: segmentors, translators, discriminators, the perceptual trunk, and their exchange with PyTorch.
export {
  BatchNorm2d,
  Conv2d,
  type ConvOptions,
  ConvTranspose2d,
  DoubleConv,
  Linear,
  modulesOf,
  setInferenceStatistics,
} from "./blocks.ts";
export { type Cost, type Node, costOf } from "./cost.ts";
export { DenseFcn, type DenseFcnOptions } from "./dense-fcn.ts";
export {
  ContentDiscriminator,
  MultiScaleDiscriminator,
  type MultiScaleDiscriminatorOptions,
} from "./drit-discriminators.ts";
export {
  ContentEncoder,
  type ContentEncoderOptions,
  type Domain,
  type StyleDistribution,
  StyleEncoder,
  type StyleEncoderOptions,
  StyleGenerator,
  type StyleGeneratorOptions,
} from "./drit.ts";
export { Dropout2d } from "./dropout.ts";
export { type Runnable, modelNames, networkFor } from "./from-state-dict.ts";
export { Mrrn, type MrrnOptions } from "./mrrn.ts";
export { type OnnxModel, writeOnnx } from "./onnx/file.ts";
export { OnnxError } from "./onnx/graph.ts";
export { type OnnxOptions, exportOnnx } from "./onnx/export.ts";
export { PatchDiscriminator, type PatchDiscriminatorOptions } from "./patch-discriminator.ts";
export {
  type ForeignName,
  type ForeignTensor,
  type NamedForPyTorch,
  StateDictError,
  foreignNames,
  fromStateDict,
  loadStateDict,
  toStateDict,
} from "./pytorch.ts";
export { AlphaNetwork, type AlphaNetworkOptions, weightedInput } from "./resnet18.ts";
export { ResidualBlock, ResnetGenerator, type ResnetGeneratorOptions } from "./resnet-generator.ts";
export { HINT_LAYERS, HINT_LEVELS, type HintLevel, type Segmentation, type Segmentor } from "./segmentor.ts";
export { UNet, type UNetOptions } from "./unet.ts";
export { PAPER_TAPS, Vgg, Vgg19, type VggLayers, type VggOptions, imagenetInput, tapsWithin } from "./vgg.ts";
export { SEGMENTORS, type SegmentorName, ZOO, segmentorRow } from "./zoo.ts";
export type { CostRule, Role, SegmentorOptions, SegmentorRow, ZooRow } from "./zoo-row.ts";
