// totals[o,s,c] = Σ x[o,j,c] over chunk s of the axis, `chunk` elements each, counted from the end with REVERSE.
// One thread sums one chunk of F's. Layouts: x [outer, n, c] · totals [outer, chunks, c], row-major.
// Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const REVERSE = false;       // seam
struct Params { outer : u32, n : u32, c : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> totals : array<F>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.outer * params.chunks * depth) { return; }
  let row = t / depth;
  let o = row / params.chunks;
  let first = (row - o * params.chunks) * params.chunk;
  let start = o * params.n * depth + (t - row * depth);
  var sum = F();
  for (var j = first; j < min(first + params.chunk, params.n); j += 1u) {
    sum += F(x[start + select(j, params.n - 1u - j, REVERSE) * depth]);
  }
  totals[t] = sum;
}
