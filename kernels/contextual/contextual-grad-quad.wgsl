enable subgroups;
// out[p] = Σ_q −scale·dL/dd[p,q] · other[q], with d = max(bias − scale·p·q, least) recomputed:
//   dL/dd[i,j] = ρ·exp(−t) − r·gain[j]·[best[j] = i] + μ·[nearest[i] = j], t = (d − m)·r
// m, r, ρ, μ and the nearest point belong to rows i; gain and best to columns j.
// ROWS: own points are rows, else columns.
// One invocation keeps 8 of p against NV·4 of q as 4×4 matrices and adds to its own rows of out, channels in fours; the
// four of a quad share each load of q. No barriers: for CPU adapters. Points first … first + count − 1 of each image.
// Rows that no column chose have no gradient: with SOURCE, order [batch, 1 + N] counts the others and lists them first.
// Layouts: own [batch, P, C], other [batch, Q, C], out as own, in vec4s · rows, pull [batch, N] ·
// best, gain [batch, M].
// Needs: C a multiple of 4; subgroups; splits = 1.
// All lanes read one number of order: it is uniform, though WGSL can't tell where a plan binds order as writable.
diagnostic(off, subgroup_uniformity);
alias F = vec4<f32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const NV = 4u;               // seam: vec4s of other points per invocation, 1, 2, 4 or 8
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

// Of each own point: its row and pull (ROWS), or the row it chose and its gain.
var<private> mine : array<U, 8>;
var<private> minePull : array<vec2<f32>, 8>;

fn four(v : F) -> M { return M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }
fn spread(v : f32) -> F { return F(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }
fn spreadBits(v : u32) -> U { return U(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }

// −scale·dL/dd for four other points (rows) and four own points p (columns). q: the other point
// that this lane loads, i: where its numbers stand.
fn weights(dots : M, ok : B, q : u32, i : u32, p : U, first : u32) -> M {
  let ids = spreadBits(q);
  var m = F();
  var r = F();
  var near = U();
  var rho = F();
  var mu = F();
  var chosen = U();
  var g = F();
  if (ROWS) {
    if (SOURCE) {
      chosen = spreadBits(best[i]);
      g = spread(gain[i]);
    }
  } else {
    let row = rows[i];
    let both = pull[i];
    m = spread(bitcast<f32>(row.x));
    r = spread(bitcast<f32>(row.y));
    near = spreadBits(row.w);
    rho = spread(both.x);
    mu = spread(both.y);
  }
  var result = M();
  for (var l = 0u; l < 4u; l += 1u) {
    let o = first + l;
    let free = F(params.bias) - params.scale * dots[l];
    let d = max(free, F(params.least));
    var v = F();
    if (ROWS) {
      let rowR = bitcast<f32>(mine[o].y);
      let nearest = ids == U(mine[o].w);
      let t = select(max((d - bitcast<f32>(mine[o].x)) * rowR, F()), F(), nearest);
      v = minePull[o].x * exp(-t) + select(F(), F(minePull[o].y), nearest);
      if (SOURCE) { v -= select(F(), rowR * g, chosen == U(p[l])); }
    } else {
      let nearest = near == U(p[l]);
      let t = select(max((d - m) * r, F()), F(), nearest);
      v = rho * exp(-t) + select(F(), mu, nearest);
      if (SOURCE) { v -= select(F(), r * minePull[o].x, ids == U(mine[o].x)); }
    }
    result[l] = select(-params.scale * v, F(), !ok | (free < F(params.least)));  // NaN is not below
  }
  return result;
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let batch = group.z;
  let p = params.first + ((group.x + group.y * groups.x) * 16u + local) * 8u;
  let end = min(params.first + params.count, params.own);
  let table = batch * (1u + select(params.other, params.own, ROWS));
  var stop = params.other;
  var own0 = min(p + U(0u, 1u, 2u, 3u), U(params.own - 1u));
  var own4 = min(p + U(4u, 5u, 6u, 7u), U(params.own - 1u));
  if (SOURCE) {
    if (ROWS) {
      // A workgroup of rows without gradient writes zeros.
      if (params.first + (group.x + group.y * groups.x) * 128u >= order[table]) { stop = 0u; }
      own0 = U(order[table + 1u + own0.x], order[table + 1u + own0.y], order[table + 1u + own0.z], order[table + 1u + own0.w]);
      own4 = U(order[table + 1u + own4.x], order[table + 1u + own4.y], order[table + 1u + own4.z], order[table + 1u + own4.w]);
    } else { stop = order[table]; }
  }
  let ids = batch * params.own + own0;
  let ids4 = batch * params.own + own4;
  let at0 = ids * cRow;
  let at4 = ids4 * cRow;
  let live0 = p + U(0u, 1u, 2u, 3u) < U(end);
  let live4 = p + U(4u, 5u, 6u, 7u) < U(end);
  // A loop whose length no compiler knows, as below: unrolled, its loads take most of the time to compile.
  for (var point = p; point < min(p + 8u, params.own); point += 1u) {
    let o = point - p;
    let i = select(ids[o & 3u], ids4[o & 3u], o > 3u);
    if (ROWS) {
      mine[o] = rows[i];
      minePull[o] = pull[i];
    } else if (SOURCE) {
      mine[o] = U(best[i]);
      minePull[o] = vec2<f32>(gain[i]);
    }
  }
  let base = batch * params.other;
  for (var q = 0u; q < stop; q += 4u * NV) {
    var ids = array<u32, NV>();            // the other points that this lane loads
    var points = array<u32, NV>();
    for (var v = 0u; v < NV; v += 1u) {
      ids[v] = min(q + 4u * v + (lane & 3u), stop - 1u);
      if (SOURCE && !ROWS) { ids[v] = order[table + 1u + ids[v]]; }
      points[v] = base + ids[v];
    }
    var low = array<M, NV>();              // columns: own points 0 … 3; rows: four others
    var high = array<M, NV>();             // own points 4 … 7
    for (var k = 0u; k < cRow; k += 1u) {
      let v0 = M(own[at0.x + k], own[at0.y + k], own[at0.z + k], own[at0.w + k]);
      let v4 = M(own[at4.x + k], own[at4.y + k], own[at4.z + k], own[at4.w + k]);
      for (var v = 0u; v < NV; v += 1u) {
        let b = transpose(four(other[points[v] * cRow + k]));
        low[v] += b * v0;
        high[v] += b * v4;
      }
    }
    for (var v = 0u; v < NV; v += 1u) {
      let ok = q + 4u * v + U(0u, 1u, 2u, 3u) < U(stop);
      low[v] = weights(low[v], ok, ids[v], points[v], own0, 0u);
      high[v] = weights(high[v], ok, ids[v], points[v], own4, 4u);
    }
    for (var k = 0u; k < cRow; k += 1u) {
      var s0 = M();
      var s4 = M();
      if (q > 0u) {
        s0 = M(out[at0.x + k], out[at0.y + k], out[at0.z + k], out[at0.w + k]);
        s4 = M(out[at4.x + k], out[at4.y + k], out[at4.z + k], out[at4.w + k]);
      }
      for (var v = 0u; v < NV; v += 1u) {
        let b = four(other[points[v] * cRow + k]);
        s0 += b * low[v];
        s4 += b * high[v];
      }
      if (live0.x) { out[at0.x + k] = s0[0]; }
      if (live0.y) { out[at0.y + k] = s0[1]; }
      if (live0.z) { out[at0.z + k] = s0[2]; }
      if (live0.w) { out[at0.w + k] = s0[3]; }
      if (live4.x) { out[at4.x + k] = s4[0]; }
      if (live4.y) { out[at4.y + k] = s4[1]; }
      if (live4.z) { out[at4.z + k] = s4[2]; }
      if (live4.w) { out[at4.w + k] = s4[3]; }
    }
  }
  for (var point = p; point < select(p, min(p + 8u, end), stop == 0u); point += 1u) {
    let o = point - p;
    let first = select(at0[o & 3u], at4[o & 3u], o > 3u);
    for (var k = 0u; k < cRow; k += 1u) { out[first + k] = F(); }
  }
}
