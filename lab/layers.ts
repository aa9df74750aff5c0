// Which layer a stage is of: while a function is traced, each method of its modules says whose it is.
import { Module } from "../engine/module.ts";
import { rememberSites } from "../engine/tensor.ts";
import type { Made } from "./subject.ts";

/** Every module in `modules` by its path, each once: "unet.down1.conv1". */
function pathsOf(modules: Readonly<Record<string, Module>>): Map<Module, string> {
  const paths = new Map<Module, string>();
  const visit = (value: unknown, path: string): void => {
    if (Array.isArray(value)) value.forEach((v, i) => visit(v, `${path}.${i}`));
    if (!(value instanceof Module) || paths.has(value)) return;
    paths.set(value, path);
    for (const [key, v] of Object.entries(value)) visit(v, path ? `${path}.${key}` : key);
  };
  for (const [name, module] of Object.entries(modules)) visit(module, name);
  return paths;
}

/** Names of the methods that a module's class and those above it have of their own. */
function methodsOf(module: Module): Set<string> {
  const names = new Set<string>();
  for (
    let type = Object.getPrototypeOf(module) as object;
    type !== Module.prototype;
    type = Object.getPrototypeOf(type) as object
  )
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(type)))
      if (typeof value === "function" && name !== "constructor") names.add(name);
  return names;
}

/**
 * The function of `made` such that what is traced of it remembers the path of the innermost module at work: labels,
 * debug groups and profiles then tell layers. A root whose name is "" is none.
 */
export function withLayers({ modules, compute }: Made): Made["compute"] {
  return (inputs) => {
    const paths = pathsOf(modules);
    const stack: string[] = [];
    for (const [module, path] of paths) {
      if (path === "") continue;
      for (const name of methodsOf(module)) {
        const method = Reflect.get(module, name) as (...args: unknown[]) => unknown;
        const value = (...args: unknown[]): unknown => {
          stack.push(path);
          try {
            return method.apply(module, args);
          } finally {
            stack.pop();
          }
        };
        // Not enumerable: a module's fields are its parameters and parts.
        Object.defineProperty(module, name, { value, configurable: true, enumerable: false });
      }
    }
    const before = rememberSites(() => stack.at(-1));
    try {
      return compute(inputs);
    } finally {
      rememberSites(before);
      for (const [module, path] of paths)
        if (path !== "") for (const name of methodsOf(module)) Reflect.deleteProperty(module, name);
    }
  };
}
