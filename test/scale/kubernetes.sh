#!/usr/bin/env bash
# An experiment's Job for Kubernetes held against the published schema (of Kubernetes 1.34 or later, as the npm package
# kubernetes-models has it): values by its validators, and names of fields by its types, for the validators let unknown
# fields pass. No cluster is asked. Needs npm.
source "$(dirname "$0")/setup.bash"
need npm

cd "$WORK"
echo '{ "private": true, "type": "module" }' >package.json
npm install --no-audit --no-fund --loglevel=error kubernetes-models@5.1.0 >npm.log 2>&1 ||
  skip "kubernetes-models 5.1.0 is not to be had from npm ($(head -n 1 npm.log))"
phantoms "$WORK/data" 4
$CMEDL experiment pays --data "$WORK/data" --rows ct --student-cases 1 --seeds 3 --emit k8s >/dev/null
cat >values.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Job } from "kubernetes-models/batch/v1";
new Job(JSON.parse(readFileSync(process.argv[2], "utf8"))).validate();
JS
json() { node -e 'const { parse } = require(process.argv[1]); console.log(JSON.stringify(parse(require("fs").readFileSync("cmedl.yaml", "utf8"))))' "$ROOT/node_modules/yaml"; }
json >job.json
sed 's/"completions":3/"completions":"3"/' job.json >wrong-value.json
sed 's/"backoffLimit"/"backofLimit"/' job.json >wrong-name.json
values_are_right() { node values.mjs "$1" >values.log 2>&1; }
names_are_right() {
  printf 'import type { IJob } from "kubernetes-models/batch/v1";\nexport const job: IJob = %s;\n' "$(cat "$1")" >job.ts
  "$ROOT/node_modules/.bin/tsc" --noEmit --strict --skipLibCheck --module nodenext --target es2022 job.ts >types.log 2>&1
}
refused() { ! "$@"; }
check "its values are as the schema has them" values_are_right job.json
check "its fields are named as in the schema" names_are_right job.json
check "a number as a text would be refused" refused values_are_right wrong-value.json
check "by its field's name" grep -q "spec/completions must be integer" values.log
check "a field that is misspelt would be refused" refused names_are_right wrong-name.json
check "by its name" grep -q "backofLimit" types.log
finish
