// out[p] = Σ_q −scale·dL/dd[p,q] · other[q], with d = max(bias − scale·p·q, least) recomputed:
//   dL/dd[i,j] = ρ·exp(−t) − r·gain[j]·[best[j] = i] + μ·[nearest[i] = j], t = (d − m)·r
// m, r, ρ, μ and the nearest point belong to rows i; gain and best to columns j.
// ROWS: own points are rows, else columns.
// A workgroup keeps 32 of p × 32·CU channels of out and walks q in tiles of 64: dot products through workgroup memory,
// 16 channels at a time, their weights there too, then the product with q.
// Points first … first + count − 1 of each image, q in spans of one split.
// Rows that no column chose have no gradient: with SOURCE, order [batch, 1 + N] counts the others and lists them first.
// Layouts: own [batch, P, C], other [batch, Q, C], out [splits, batch, P, C] in vec4s · rows, pull [batch, N] ·
// best, gain [batch, M].
// Needs: C a multiple of 4, span of 64.
alias F = vec4<f32>;
alias U = vec4<u32>;
alias M = mat4x4<f32>;
const CU = 4u;               // seam: vec4s of channels per invocation, 1 … 4
const ROWS = true;           // seam: own points are rows
const SOURCE = true;         // seam: columns have chosen rows; without, best and gain are not read
struct Params { batch : u32, own : u32, other : u32, c : u32, first : u32, count : u32, splits : u32, span : u32, bias : f32, scale : f32, least : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> own : array<F>;
@group(0) @binding(2) var<storage, read> other : array<F>;
@group(0) @binding(3) var<storage, read> rows : array<U>;
@group(0) @binding(4) var<storage, read> pull : array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> best : array<u32>;
@group(0) @binding(6) var<storage, read> gain : array<f32>;
@group(0) @binding(7) var<storage, read_write> out : array<F>;
@group(0) @binding(8) var<storage, read> order : array<u32>;

var<workgroup> ps : array<F, 160>;         // [32 of p][4 + 1 that avoids bank conflicts], vec4s over channels
var<workgroup> qs : array<F, 256>;         // [16 channels][16], vec4s over q
var<workgroup> ws : array<F, 544>;         // [32 of p][16 + 1], weights in vec4s over q

// The number of the k-th point of rows (list: where the image's order begins), or k where there is no order.
fn listed(k : u32, list : u32, isRow : bool) -> u32 {
  if (SOURCE && isRow) { return order[list + 1u + k]; }
  return k;
}

// The 4 × 4 block of other points row … row + 3, repeating the last, zero past the last channel.
fn block(base : u32, row : u32, column : u32, stop : u32, list : u32, length : u32) -> M {
  var b = M();
  for (var l = 0u; l < 4u && column < length; l += 1u) { b[l] = other[(base + listed(min(row + l, stop - 1u), list, !ROWS)) * length + column]; }
  return b;
}

// −scale·dL/dd of own point p and the four other points from the q-th on.
fn weights(dots : F, q : u32, batch : u32, p : u32, stop : u32, list : u32) -> F {
  var result = F();
  for (var l = 0u; l < 4u && q + l < stop; l += 1u) {
    let id = listed(q + l, list, !ROWS);
    let free = params.bias - params.scale * dots[l];
    let i = select(id, p, ROWS);
    let j = select(p, id, ROWS);
    let rowAt = batch * select(params.other, params.own, ROWS) + i;
    let row = rows[rowAt];
    let both = pull[rowAt];
    let r = bitcast<f32>(row.y);
    let nearest = row.w == j;
    let t = select(max((max(free, params.least) - bitcast<f32>(row.x)) * r, 0.0), 0.0, nearest);
    var v = both.x * exp(-t) + select(0.0, both.y, nearest);
    if (SOURCE) {
      let columnAt = batch * select(params.own, params.other, ROWS) + j;
      if (best[columnAt] == i) { v -= r * gain[columnAt]; }
    }
    result[l] = select(-params.scale * v, 0.0, free < params.least);  // NaN is not below
  }
  return result;
}

var<workgroup> counted : u32;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let cRow = params.c / 4u;
  let chunks = (cRow + 8u * CU - 1u) / (8u * CU);
  let batch = group.z / chunks / params.splits;
  let split = group.z / chunks % params.splits;
  let c0 = group.z % chunks * 8u * CU + local % 8u;
  let p0 = params.first + (group.x + group.y * groups.x) * 32u;
  let base = batch * params.other;
  let tm = local / 8u;
  let tn = local % 8u;
  var sums = array<M, CU>();               // columns: tm + 8·o of p; rows: vec4 c0 + 8·u of channels
  let list = batch * (1u + select(params.other, params.own, ROWS));
  var stop = params.other;
  if (SOURCE) {
    // Uniform, though WGSL can't tell where a plan binds order as writable.
    if (local == 0u) { counted = order[list]; }
    let count = workgroupUniformLoad(&counted);
    if (!ROWS) { stop = count; }
    else if (p0 >= count) { stop = 0u; }   // rows without gradient: zeros
  }
  stop = min((split + 1u) * params.span, stop);
  for (var q = split * params.span; q < stop; q += 64u) {
    var a0 = M();                          // columns: tm + 8·o of p; rows: vec4 tn of q
    var a1 = M();                          // vec4 tn + 8 of q
    for (var step = 0u; step < cRow; step += 4u) {
      let k = step + local % 4u;
      for (var o = 0u; o < 2u; o += 1u) {
        let row = local / 4u + 16u * o;
        let p = listed(min(p0 + row, params.own - 1u), list, ROWS);
        ps[row * 5u + local % 4u] = select(F(), own[(batch * params.own + p) * cRow + min(k, cRow - 1u)], k < cRow);
      }
      let v = transpose(block(base, q + local / 4u * 4u, k, stop, list, cRow));
      for (var l = 0u; l < 4u; l += 1u) { qs[(local % 4u * 4u + l) * 16u + local / 4u] = v[l]; }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i += 1u) {
        let v0 = M(ps[tm * 5u + i], ps[(tm + 8u) * 5u + i], ps[(tm + 16u) * 5u + i], ps[(tm + 24u) * 5u + i]);
        let to = i * 64u + tn;
        a0 += M(qs[to], qs[to + 16u], qs[to + 32u], qs[to + 48u]) * v0;
        a1 += M(qs[to + 8u], qs[to + 24u], qs[to + 40u], qs[to + 56u]) * v0;
      }
      workgroupBarrier();
    }
    for (var o = 0u; o < 4u; o += 1u) {
      let p = listed(min(p0 + tm + 8u * o, params.own - 1u), list, ROWS);
      ws[(tm + 8u * o) * 17u + tn] = weights(a0[o], q + 4u * tn, batch, p, stop, list);
      ws[(tm + 8u * o) * 17u + tn + 8u] = weights(a1[o], q + 32u + 4u * tn, batch, p, stop, list);
    }
    workgroupBarrier();
    for (var i = 0u; i < 16u && q + 4u * i < stop; i += 1u) {
      let w = M(ws[tm * 17u + i], ws[(tm + 8u) * 17u + i], ws[(tm + 16u) * 17u + i], ws[(tm + 24u) * 17u + i]);
      let k = min(q + 4u * i + U(0u, 1u, 2u, 3u), U(stop - 1u));
      let qRows = (base + U(listed(k.x, list, !ROWS), listed(k.y, list, !ROWS), listed(k.z, list, !ROWS), listed(k.w, list, !ROWS))) * cRow;
      for (var u = 0u; u < CU; u += 1u) {
        let c = qRows + min(c0 + 8u * u, cRow - 1u);
        sums[u] += M(other[c.x], other[c.y], other[c.z], other[c.w]) * w;
      }
    }
  }
  let end = min(params.first + params.count, params.own);
  for (var o = 0u; o < 4u; o += 1u) {
    let p = p0 + tm + 8u * o;
    let at = ((split * params.batch + batch) * params.own + listed(min(p, params.own - 1u), list, ROWS)) * cRow;
    for (var u = 0u; u < CU; u += 1u) {
      let c = c0 + 8u * u;
      if (p < end && c < cRow) { out[at + c] = sums[u][o]; }
    }
  }
}
