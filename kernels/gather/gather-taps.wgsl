// y[o,p,c] = Σ_k w[o,p,k] · x[o, index[o,p,k], c]: each point mixes a few elements;
// an index outside [0, n) adds nothing.
// One thread computes one F of y. Layouts: x [outer, n, c] · index, w [outer, points, taps] · y [outer, points, c].
// Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params { outer : u32, n : u32, c : u32, points : u32, taps : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> index : array<i32>;
@group(0) @binding(3) var<storage, read> w : array<f32>;
@group(0) @binding(4) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.outer * params.points * depth) { return; }
  let point = t / depth;
  let c = t - point * depth;
  let first = (point / params.points) * params.n;
  var sum = F();
  for (var k = point * params.taps; k < (point + 1u) * params.taps; k += 1u) {
    let at = index[k];
    if (at >= 0 && u32(at) < params.n) { sum += w[k] * F(x[(first + u32(at)) * depth + c]); }
  }
  y[t] = Elem(epilogue(sum, t));
}
