// index[o,s,c] = the j of chunk s of the axis at which x[o,j,c] is largest (smallest with LEAST): the first of equals,
// and the first NaN before all numbers. One thread scans one chunk of F's.
// Layouts: x [outer, n, c] · index [outer, chunks, c], row-major. Needs: c % LANES == 0, no chunk empty.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const LEAST = false;         // seam
struct Params { outer : u32, n : u32, c : u32, chunk : u32, chunks : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> index : array<I>;

fn nan(v : F) -> B { return (bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.outer * params.chunks * depth) { return; }
  let row = t / depth;
  let o = row / params.chunks;
  let first = (row - o * params.chunks) * params.chunk;
  let start = o * params.n * depth + (t - row * depth);
  var best = F(x[start + first * depth]);
  var at = I(i32(first));
  for (var j = first + 1u; j < min(first + params.chunk, params.n); j += 1u) {
    let v = F(x[start + j * depth]);
    let beyond = select(v > best, v < best, B(LEAST));
    let better = (beyond | nan(v)) & !nan(best);
    best = select(best, v, better);
    at = select(at, I(i32(j)), better);
  }
  index[t] = at;
}
