// y[o,j,c] = carry[o,s−1,c] + the sum of chunk s of the axis up to j:
// a scan of what scan-totals cut, carry being its scanned totals.
// One thread walks one chunk of F's. Layouts: x, y [outer, n, c] · carry [outer, chunks, c], row-major.
// Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F of x
const LANES = 1u;            // seam: channels in an F
const REVERSE = false;       // seam
struct Params { outer : u32, n : u32, c : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> carry : array<F>;
@group(0) @binding(3) var<storage, read_write> y : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.outer * params.chunks * depth) { return; }
  let row = t / depth;
  let o = row / params.chunks;
  let s = row - o * params.chunks;
  let start = o * params.n * depth + (t - row * depth);
  var before = F();
  if (s > 0u) { before = carry[t - depth]; }
  var sum = F();
  for (var j = s * params.chunk; j < min((s + 1u) * params.chunk, params.n); j += 1u) {
    let i = start + select(j, params.n - 1u - j, REVERSE) * depth;
    sum += F(x[i]);
    y[i] = epilogue(before + sum, i);
  }
}
