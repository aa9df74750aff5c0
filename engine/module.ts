// A module is a class whose fields are parameters and other modules; names are the paths of the fields.
import type { Initializer } from "./init.ts";
import { RandomStreams } from "./random.ts";
import { RandomStream } from "./random-stream.ts";
import type { Shape } from "./shape.ts";
import { Variable } from "./variable.ts";

/** What a parameter draws from until `initialize` names it: its place among all that the process has made. */
const unnamed = new RandomStreams(0);
let parametersMade = 0;

/**
 * A trainable variable whose initial values come from `init` and the key that `initialize` gives its module. Without
 * `initialize` the key is that of seed 0 and of how many parameters were made before: no two are alike, neither within
 * a network nor in two, and a program that makes its networks in the same order starts with the same weights.
 */
export class Parameter extends Variable {
  #key = unnamed.key("init", parametersMade++);
  #data?: Float32Array;
  constructor(
    shape: Shape,
    readonly init: Initializer,
    options: { trainable?: boolean } = {},
  ) {
    super(shape, () => (this.#data ??= this.init(shape, this.#key)), options);
  }
  set key(k: number) {
    this.#key = k;
    this.#data = undefined;
    this.holder = undefined;
  }
}

/**
 * A part of a network: a class whose fields are parameters, other modules, and lists of these. Variables are named by
 * their fields' paths, in checkpoints too.
 */
export class Module {
  /** Variables by path, in the order of the fields: "down1.conv1.weight". */
  variables(prefix = ""): Map<string, Variable> {
    const found = new Map<string, Variable>();
    const visit = (value: unknown, path: string): void => {
      if (value instanceof Variable) found.set(path, value);
      else if (value instanceof Module) for (const [k, v] of Object.entries(value)) visit(v, path ? `${path}.${k}` : k);
      else if (Array.isArray(value)) value.forEach((v, i) => visit(v, `${path}.${i}`));
    };
    visit(this, prefix);
    return found;
  }

  /** The variables an optimizer may move. */
  parameters(): Variable[] {
    return [...this.variables().values()].filter((v) => v.trainable);
  }

  /** Number of trainable values. */
  parameterCount(): number {
    return this.parameters().reduce((n, v) => n + v.size, 0);
  }

  /** What the module and its parts draw from in training, each once, by its shortest path: "SC.random". */
  randomStreams(prefix = ""): Map<string, RandomStream> {
    const found = new Map<RandomStream, string>();
    let level: (readonly [path: string, value: unknown])[] = [[prefix, this]];
    while (level.length) {
      for (const [path, value] of level) if (value instanceof RandomStream && !found.has(value)) found.set(value, path);
      level = level.flatMap(([path, value]) =>
        value instanceof Module || Array.isArray(value)
          ? Object.entries(value).map(([k, v]) => [path ? `${path}.${k}` : k, v] as const)
          : [],
      );
    }
    return new Map([...found].map(([stream, path]) => [path, stream]));
  }

  /**
   * Names every variable `name.path`, keys its initial values by (seed, "init", that path) and streams by (seed,
   * "dropout", theirs). Returns this.
   */
  initialize(streams: RandomStreams, name = ""): this {
    for (const [path, v] of this.variables(name)) {
      v.name = path;
      if (v instanceof Parameter) v.key = streams.key("init", path);
    }
    for (const [path, stream] of this.randomStreams(name)) stream.key = streams.key("dropout", path);
    return this;
  }
}
