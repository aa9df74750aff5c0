// index[o,c] = of the chunks' candidates the one at which x is largest (smallest with LEAST), by arg-extreme's rules.
// One thread joins one line. Layouts: x [outer, n, c] · candidates [outer, chunks, c] · index [outer, c], row-major.
alias Elem = f32;            // seam: storage type of x
const LEAST = false;         // seam
struct Params { outer : u32, n : u32, c : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> candidates : array<i32>;
@group(0) @binding(3) var<storage, read_write> index : array<i32>;

fn nan(v : f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.c) { return; }
  let o = t / params.c;
  let c = t - o * params.c;
  var at = candidates[o * params.chunks * params.c + c];
  var best = f32(x[(o * params.n + u32(at)) * params.c + c]);
  for (var s = 1u; s < params.chunks; s += 1u) {
    let j = candidates[(o * params.chunks + s) * params.c + c];
    let v = f32(x[(o * params.n + u32(j)) * params.c + c]);
    if ((select(v > best, v < best, LEAST) || nan(v)) && !nan(best)) {
      best = v;
      at = j;
    }
  }
  index[t] = at;
}
