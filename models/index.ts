// The networks: segmentors, translators, discriminators, the perceptual trunk, and their exchange with PyTorch.
export { BatchNorm2d, Conv2d, type ConvOptions, ConvTranspose2d, DoubleConv, modulesOf, setInferenceStatistics } from "./blocks.ts";
export { PatchDiscriminator, type PatchDiscriminatorOptions } from "./patch-discriminator.ts";
export { type ForeignName, type ForeignTensor, type NamedForPyTorch, StateDictError, foreignNames, fromStateDict, loadStateDict, toStateDict } from "./pytorch.ts";
export { ResidualBlock, ResnetGenerator, type ResnetGeneratorOptions } from "./resnet-generator.ts";
export type { Segmentation, Segmentor } from "./segmentor.ts";
export { UNet, type UNetOptions } from "./unet.ts";
export { PAPER_TAPS, Vgg19, type VggOptions, imagenetInput, tapsWithin } from "./vgg.ts";
