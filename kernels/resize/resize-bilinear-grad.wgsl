// dx[n,h,w,c] = Σ weight(h, p) · weight(w, q) · dy[n,p,q,c]:
// the transpose of resize-bilinear, with its weights to the bit.
// An output's numerator m = max(o·mul + add, 0) touches elements ⌊m/den⌋ and the next,
// so element i meets (i−1)·den < m < (i+1)·den.
// One thread computes one F of dx and sums in row-major order of p, q. Layouts: dx NHWC · dy NPQC.
// Needs: c % LANES == 0; p·mul + |add| and (h+1)·den + |add| + mul below 2³¹ along both axes.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  mulY : i32, addY : i32, denY : i32, mulX : i32, addX : i32, denX : i32,
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem>;
@group(0) @binding(2) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// Outputs along an axis that touch element i: [x, y).
fn touching(i : i32, size : i32, outs : i32, mul : i32, add : i32, den : i32) -> vec2<i32> {
  let step = max(mul, 1);
  let first = max((i - 1) * den - add, -step) + step;  // ≥ 0, so that the division floors
  let end = max((i + 1) * den - add + step - 1, 0);
  return vec2<i32>(first / step, select(min(end / step, outs), outs, i == size - 1));
}

// Weight of element i in output o.
fn weight(i : i32, size : i32, o : i32, mul : i32, add : i32, den : i32) -> f32 {
  let beyond = max(o * mul + add, 0) - i * den;
  if (beyond < 0) { return f32(beyond + den) / f32(den); }
  return select(1.0 - f32(beyond) / f32(den), 1.0, i == size - 1);
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
  let h = i32(row - image * params.h);
  let w = i32(column - row * params.w);
  let height = i32(params.h);
  let width = i32(params.w);
  let rows = touching(h, height, i32(params.p), params.mulY, params.addY, params.denY);
  let columns = touching(w, width, i32(params.q), params.mulX, params.addX, params.denX);
  var sum = F();
  for (var p = rows.x; p < rows.y; p += 1) {
    let line = (image * params.p + u32(p)) * params.q;
    var part = F();
    for (var q = columns.x; q < columns.y; q += 1) {
      part += weight(w, width, q, params.mulX, params.addX, params.denX) * F(dy[(line + u32(q)) * depth + c]);
    }
    sum += weight(h, height, p, params.mulY, params.addY, params.denY) * part;
  }
  dx[t] = Elem(epilogue(sum, t));
}
