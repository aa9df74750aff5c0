// How well a segmentation agrees with the expert's.
export { type EmptyRule, type Overlap, addOverlap, dice, diceOf, meanDice, overlap } from "./dice.ts";
