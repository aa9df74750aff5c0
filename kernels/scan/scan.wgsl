// y[o,j,c] = Σ_{k ≤ j} x[o,k,c], or over k ≥ j with REVERSE. One thread walks one line of F's.
// Layouts: x, y [outer, n, c], row-major. Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F of x
const LANES = 1u;            // seam: channels in an F
const REVERSE = false;       // seam
struct Params { outer : u32, n : u32, c : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> y : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.outer * depth) { return; }
  let o = t / depth;
  let start = o * params.n * depth + (t - o * depth);
  var sum = F();
  for (var j = 0u; j < params.n; j += 1u) {
    let i = start + select(j, params.n - 1u - j, REVERSE) * depth;
    sum += F(x[i]);
    y[i] = epilogue(sum, i);
  }
}
