// dx[n,h,w,c] = Σ dy[n,p,q,c] over ⌈h·denY/mulY⌉ ≤ p < ⌈(h+1)·denY/mulY⌉ and likewise q:
// the transpose of resize-nearest.
// One thread computes one F of dx and sums row by row. Layouts: dx NHWC · dy NPQC.
// Needs: c % LANES == 0, (h+1)·denY + mulY and (w+1)·denX + mulX below 2³².
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, mulY : u32, denY : u32, mulX : u32, denX : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem>;
@group(0) @binding(2) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// Outputs along an axis that take element i: [x, y).
fn takers(i : u32, mul : u32, den : u32) -> vec2<u32> {
  return (vec2<u32>(i, i + 1u) * den + (mul - 1u)) / mul;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.h * params.w * depth) { return; }
  let column = t / depth;
  let c = t - column * depth;
  let row = column / params.w;
  let image = row / params.h;
  let rows = takers(row - image * params.h, params.mulY, params.denY);
  let columns = takers(column - row * params.w, params.mulX, params.denX);
  var sum = F();
  for (var p = rows.x; p < rows.y; p += 1u) {
    let line = (image * params.p + p) * params.q;
    var part = F();          // row sums: rounding grows with the side of the block, not its area
    for (var q = columns.x; q < columns.y; q += 1u) { part += F(dy[(line + q) * depth + c]); }
    sum += part;
  }
  dx[t] = Elem(epilogue(sum, t));
}
