#!/usr/bin/env bash
# A JPEG decoder for pages brings a part of a bundler, for one platform.
# Versions: jpeg-lossless-decoder-js 2.1.2.
# One would guess: a decoder in plain JavaScript installs itself and nothing else.
# Seen: on Linux x64 with glibc `npm install` also installs Rollup's native binary 4.13.0 (2.7 MB; the
#   decoder, which names it as an optional dependency, is 30 kB); nothing of the decoder loads it.
# A tool should: install with --omit=optional or pack the decoder itself, and not list Rollup among what it ships.
source "$(dirname "$0")/setup.bash"
[[ $(uname -sm) == "Linux x86_64" ]] || skip "needs Linux x64"
npm_packages jpeg-lossless-decoder-js@2.1.2
cat >seen.mjs <<'JS'
import { readFileSync, readdirSync } from "node:fs";
import { report } from "./report.mjs";
const own = "node_modules/jpeg-lossless-decoder-js";
const { optionalDependencies } = JSON.parse(readFileSync(`${own}/package.json`, "utf8"));
const natives = readdirSync("node_modules", { recursive: true }).filter((file) => file.endsWith(".node"));
const texts = readdirSync(`${own}/release`, { recursive: true }).filter((file) => /\.[cm]?js$/.test(file));
const loads = texts.filter((file) => readFileSync(`${own}/release/${file}`, "utf8").includes("rollup-linux"));
report([
  ["optional dependencies", Object.entries(optionalDependencies), [["@rollup/rollup-linux-x64-gnu", "4.13.0"]]],
  ["native binaries that are installed", natives.length, 1],
  ["files of the decoder that load it", loads.length, 0],
]);
JS
node seen.mjs
