// Of each point p of `own` over points q of `other`,
// with d = max(bias − scale·p·q, least), t = (d − m)·r and w = exp(−t):
// KIND 0: least d, its q · KIND 1: Σ w, Σ w·t · KIND 2: largest −t − ln s, its q. The first of equals wins;
// NaN wins over all.
// m, r, ln s belong to rows: to p in KIND 1, to q in KIND 2. t is 0 for a row's nearest point, whatever rounding says.
// A workgroup keeps 64 of p and walks q in tiles of 64 through workgroup memory, 16 channels at a time;
// an invocation 8 × 8.
// Points first … first + count − 1 of each image, q in spans of one split.
// Layouts: own [batch, P, C], other [batch, Q, C] in vec4s · rows [batch, N] as bits of m, r, ln s and the nearest
// point's index · partial [splits, batch, P], the two results' bits. Needs: C a multiple of 4, span of 64.
alias F = vec4<f32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const KIND = 0u;             // seam: 0 least, 1 sums, 2 largest
struct Params { batch : u32, own : u32, other : u32, c : u32, first : u32, count : u32, splits : u32, span : u32, bias : f32, scale : f32, least : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> own : array<F>;
@group(0) @binding(2) var<storage, read> other : array<F>;
@group(0) @binding(3) var<storage, read> rows : array<U>;
@group(0) @binding(4) var<storage, read_write> partial : array<vec2<u32>>;

var<workgroup> ps : array<F, 320>;         // [64 of p][4 + 1 that avoids bank conflicts], vec4s over channels
var<workgroup> qs : array<F, 256>;         // [16 channels][16], vec4s over q
var<workgroup> found : array<vec2<f32>, 512>;   // [64 of p][8]: best and second of the invocations that share p
var<workgroup> foundAt : array<u32, 512>;
var<private> best : array<f32, 8>;
var<private> at : array<u32, 8>;
var<private> second : array<f32, 8>;       // Σ w·t, or the sum that is NaN if any term is
var<private> mine : array<U, 8>;           // the own rows of KIND 1

// The 4 × 4 block of rows row … row + 3, zero past the last row or the last channel.
fn block(base : u32, row : u32, column : u32, size : u32, length : u32) -> M {
  let ok = (row + U(0u, 1u, 2u, 3u) < U(size)) & B(column < length);
  let i = select(U(), (base + row + U(0u, 1u, 2u, 3u)) * length + column, ok);
  return M(select(F(), other[i.x], ok.x), select(F(), other[i.y], ok.y), select(F(), other[i.z], ok.z), select(F(), other[i.w], ok.w));
}

// Takes in four other points from q on, for own point number o, which is p.
fn take(dots : F, q : u32, base : u32, o : u32, p : u32) {
  for (var l = 0u; l < 4u && q + l < params.other; l += 1u) {
    let d = max(params.bias - params.scale * dots[l], params.least);
    if (KIND == 0u) {
      if (d < best[o]) { best[o] = d; at[o] = q + l; }
      second[o] += dots[l];
    } else if (KIND == 1u) {
      let t = select(max((d - bitcast<f32>(mine[o].x)) * bitcast<f32>(mine[o].y), 0.0), 0.0, q + l == mine[o].w);
      let w = exp(-t);
      best[o] += w;
      second[o] += w * t;
    } else {
      let row = rows[base + q + l];
      let u = -select(max((d - bitcast<f32>(row.x)) * bitcast<f32>(row.y), 0.0), 0.0, row.w == p) - bitcast<f32>(row.z);
      if (u > best[o]) { best[o] = u; at[o] = q + l; }
      second[o] += u;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let cRow = params.c / 4u;
  let batch = group.z / params.splits;
  let split = group.z % params.splits;
  let p0 = params.first + (group.x + group.y * groups.x) * 64u;
  let base = batch * params.other;
  let tm = local / 8u;
  let tn = local % 8u;
  for (var o = 0u; o < 8u; o += 1u) {
    best[o] = select(select(3.4e38, 0.0, KIND == 1u), -3.4e38, KIND == 2u);
    at[o] = split * params.span;         // where all are NaN, the first takes the gradient
    second[o] = 0.0;
    if (KIND == 1u) { mine[o] = rows[batch * params.own + min(p0 + tm + 8u * o, params.own - 1u)]; }
  }
  let stop = min((split + 1u) * params.span, params.other);
  for (var q = split * params.span; q < stop; q += 64u) {
    var a00 = M();                         // columns: tm + 8·o of p; rows: vec4 tn of q
    var a01 = M();                         // tm + 32 + 8·o of p
    var a10 = M();                         // vec4 tn + 8 of q
    var a11 = M();
    for (var step = 0u; step < cRow; step += 4u) {
      let k = step + local % 4u;
      for (var o = 0u; o < 4u; o += 1u) {
        let row = local / 4u + 16u * o;
        let p = min(p0 + row, params.own - 1u);
        ps[row * 5u + local % 4u] = select(F(), own[(batch * params.own + p) * cRow + min(k, cRow - 1u)], k < cRow);
      }
      let v = transpose(block(base, q + local / 4u * 4u, k, params.other, cRow));
      for (var l = 0u; l < 4u; l += 1u) { qs[(local % 4u * 4u + l) * 16u + local / 4u] = v[l]; }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i += 1u) {
        let v0 = M(ps[tm * 5u + i], ps[(tm + 8u) * 5u + i], ps[(tm + 16u) * 5u + i], ps[(tm + 24u) * 5u + i]);
        let v1 = M(ps[(tm + 32u) * 5u + i], ps[(tm + 40u) * 5u + i], ps[(tm + 48u) * 5u + i], ps[(tm + 56u) * 5u + i]);
        let to = i * 64u + tn;
        let b0 = M(qs[to], qs[to + 16u], qs[to + 32u], qs[to + 48u]);
        let b1 = M(qs[to + 8u], qs[to + 24u], qs[to + 40u], qs[to + 56u]);
        a00 += b0 * v0;
        a01 += b0 * v1;
        a10 += b1 * v0;
        a11 += b1 * v1;
      }
      workgroupBarrier();
    }
    for (var o = 0u; o < 4u; o += 1u) {
      let p = p0 + tm + 8u * o;
      take(a00[o], q + 4u * tn, base, o, p);
      take(a10[o], q + 32u + 4u * tn, base, o, p);
      take(a01[o], q + 4u * tn, base, o + 4u, p + 32u);
      take(a11[o], q + 32u + 4u * tn, base, o + 4u, p + 32u);
    }
  }
  for (var o = 0u; o < 8u; o += 1u) {
    let i = (tm + 8u * o) * 8u + tn;
    found[i] = vec2<f32>(best[o], second[o]);
    foundAt[i] = at[o];
  }
  workgroupBarrier();
  var b = found[local * 8u];
  var i = foundAt[local * 8u];
  for (var n = 1u; n < 8u; n += 1u) {
    let v = found[local * 8u + n];
    let j = foundAt[local * 8u + n];
    b.y += v.y;
    if (KIND == 1u) { b.x += v.x; }
    else if (select((v.x < b.x), (v.x > b.x), KIND == 2u) || ((v.x == b.x) && (j < i))) { b.x = v.x; i = j; }
  }
  let p = p0 + local;
  if (p >= min(params.first + params.count, params.own)) { return; }
  let nan = (bitcast<u32>(b.y) & 0x7fffffffu) > 0x7f800000u;
  let indexed = vec2<u32>(select(bitcast<u32>(b.x), 0x7fc00000u, nan), i);
  partial[(split * params.batch + batch) * params.own + p] = select(indexed, bitcast<vec2<u32>>(b), KIND == 1u);
}
