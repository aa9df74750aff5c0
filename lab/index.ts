// The kernel developer's lab: looks into programs from outside, in Node and in pages. Nothing of it is in a bundle that
// does not import it.
export { aside } from "./aside.ts";
export { type Capture, type CapturedBinding, captureStage, stageLine, stagesNamed } from "./capture.ts";
export { type Log, type LogOptions, type OutOfRange, type Printed, outOfRange, printed } from "./debug/log.ts";
export { type NotFinite, firstNotFiniteStage, notFiniteText } from "./debug/not-finite.ts";
export { withLayers } from "./layers.ts";
export { type Finding, findingText } from "./lint/finding.ts";
export { type LintedFile, lintFiles, lintPrograms } from "./lint/lint.ts";
export { type MemoryUse, memoryUse } from "./memory.ts";
export { type ProfileOptions, profileOf } from "./profile.ts";
export type { Made, Subject } from "./subject.ts";
export { type KernelShare, type Stage, type Timeline, byKernel, partsOf, reconciled } from "./timeline.ts";
export { type Trace, traceOf } from "./trace-events.ts";
export { type Played, type RecordedCandidate, Recorder, type Recording, simulate } from "./tune/recording.ts";
export { type Candidate, STRATEGIES, type Strategy } from "./tune/search.ts";
export { type TuneOptions, type TunedProblem, tune } from "./tune/tune.ts";
export { type LayerShare, layerTree, treeText } from "./tree.ts";
