enable subgroups;
// Of each point p of `own` over points q of `other`,
// with d = max(bias − scale·p·q, least), t = (d − m)·r and w = exp(−t):
// KIND 0: least d, its q · KIND 1: Σ w, Σ w·t · KIND 2: largest −t − ln s, its q. The first of equals wins;
// NaN wins over all.
// m, r, ln s belong to rows: to p in KIND 1, to q in KIND 2. t is 0 for a row's nearest point, whatever rounding says.
// One invocation keeps 8 of p against NV·4 of q as 4×4 matrices; the four of a quad share each load of q. No barriers:
// for CPU adapters. Points first … first + count − 1 of each image, q in spans of one split.
// Layouts: own [batch, P, C], other [batch, Q, C] in vec4s · rows [batch, N] as bits of m, r, ln s and the nearest
// point's index · partial [splits, batch, P], the two results' bits. KEEP: dots holds all p·q as 4×4 blocks, rows of
// images × columns: KIND 0 writes what the others read, 2 exchanged. Needs: C and span multiples of 4, span of 4·NV;
// subgroups.
alias F = vec4<f32>;
alias U = vec4<u32>;
alias M = mat4x4<f32>;
const KIND = 0u;             // seam: 0 least, 1 sums, 2 largest
const NV = 4u;               // seam: vec4s of other points per invocation, 1, 2, 4 or 8
const KEEP = false;          // seam: products are kept; without, dots is not touched
struct Params { batch : u32, own : u32, other : u32, c : u32, first : u32, count : u32, splits : u32, span : u32, bias : f32, scale : f32, least : f32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> own : array<F>;
@group(0) @binding(2) var<storage, read> other : array<F>;
@group(0) @binding(3) var<storage, read> rows : array<U>;
@group(0) @binding(4) var<storage, read_write> partial : array<vec2<u32>>;
@group(0) @binding(5) var<storage, read_write> dots : array<M>;

var<private> best : array<F, 8>;     // of each own point, over q by their residue modulo 4
var<private> at : array<U, 8>;
var<private> second : array<F, 8>;   // Σ w·t, or the sum that is NaN if any term is
var<private> mine : array<U, 8>;     // the own rows of KIND 1

// Four rows from the one that each invocation of the quad loads.
fn four(v : F) -> M { return M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }

// Takes in four other points from q on. row: the row that this lane loaded, for KIND 2.
fn take(products : M, q : u32, row : U, p : u32, first : u32) {
  let ids = q + U(0u, 1u, 2u, 3u);
  let ok = ids < U(params.other);
  var m = F();
  var r = F();
  var lnS = F();
  var near = U();
  if (KIND == 2u) {
    let a = array<U, 4>(quadBroadcast(row, 0u), quadBroadcast(row, 1u), quadBroadcast(row, 2u), quadBroadcast(row, 3u));
    m = bitcast<F>(U(a[0].x, a[1].x, a[2].x, a[3].x));
    r = bitcast<F>(U(a[0].y, a[1].y, a[2].y, a[3].y));
    lnS = bitcast<F>(U(a[0].z, a[1].z, a[2].z, a[3].z));
    near = U(a[0].w, a[1].w, a[2].w, a[3].w);
  }
  for (var l = 0u; l < 4u; l += 1u) {
    let o = first + l;
    let d = max(F(params.bias) - params.scale * products[l], F(params.least));
    if (KIND == 0u) {
      let wins = ok & (d < best[o]);
      best[o] = select(best[o], d, wins);
      at[o] = select(at[o], ids, wins);
      second[o] += products[l];
    } else if (KIND == 1u) {
      let t = select(max((d - bitcast<f32>(mine[o].x)) * bitcast<f32>(mine[o].y), F()), F(), ids == U(mine[o].w));
      let w = select(F(), exp(-t), ok);
      best[o] += w;
      second[o] += w * t;
    } else {
      let u = -select(max((d - m) * r, F()), F(), near == U(p + o)) - lnS;
      let wins = ok & (u > best[o]);
      best[o] = select(best[o], u, wins);
      at[o] = select(at[o], ids, wins);
      second[o] += u;
    }
  }
}

// Where the products of four own points p and four others q stand.
fn place(batch : u32, p : u32, q : u32) -> u32 {
  let size = (vec2<u32>(params.own, params.other) + 3u) / 4u;
  let i = min(vec2<u32>(p, q) / 4u, size - 1u);
  return select((batch * size.x + i.x) * size.y + i.y, (batch * size.y + i.y) * size.x + i.x, KIND == 2u);
}
fn recall(i : u32) -> M {
  if (KIND == 2u) { return transpose(dots[i]); }
  return dots[i];
}

fn result(o : u32) -> vec2<u32> {
  let all = second[o].x + second[o].y + second[o].z + second[o].w;
  if (KIND == 1u) { return bitcast<vec2<u32>>(vec2<f32>(best[o].x + best[o].y + best[o].z + best[o].w, all)); }
  var b = best[o].x;
  var i = at[o].x;
  for (var l = 1u; l < 4u; l += 1u) {
    let v = best[o][l];
    let better = select((v < b), (v > b), KIND == 2u) || ((v == b) && (at[o][l] < i));
    b = select(b, v, better);
    i = select(i, at[o][l], better);
  }
  let nan = (bitcast<u32>(all) & 0x7fffffffu) > 0x7f800000u;
  return vec2<u32>(select(bitcast<u32>(b), 0x7fc00000u, nan), i);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let batch = group.z / params.splits;
  let split = group.z % params.splits;
  let p = params.first + ((group.x + group.y * groups.x) * 16u + local) * 8u;
  let end = min(params.first + params.count, params.own);
  let ids = batch * params.own + min(p + U(0u, 1u, 2u, 3u), U(params.own - 1u));
  let ids4 = batch * params.own + min(p + U(4u, 5u, 6u, 7u), U(params.own - 1u));
  let at0 = ids * cRow;
  let at4 = ids4 * cRow;
  for (var o = 0u; o < 8u; o += 1u) {
    best[o] = F(select(select(3.4e38, 0.0, KIND == 1u), -3.4e38, KIND == 2u));
    at[o] = U(split * params.span);      // where all are NaN, the first takes the gradient
    second[o] = F();
  }
  // A loop whose length no compiler knows: unrolled, its loads take long to compile.
  for (var point = p; point < select(p, min(p + 8u, params.own), KIND == 1u); point += 1u) {
    let o = point - p;
    mine[o] = rows[select(ids[o & 3u], ids4[o & 3u], o > 3u)];
  }
  let base = batch * params.other;
  let last = base + params.other - 1u;
  let stop = min((split + 1u) * params.span, params.other);
  for (var q = split * params.span; q < stop; q += 4u * NV) {
    var points = array<u32, NV>();
    for (var v = 0u; v < NV; v += 1u) { points[v] = min(base + q + 4u * v + (lane & 3u), last); }
    var low = array<M, NV>();            // columns: own points 0 … 3; rows: four others
    var high = array<M, NV>();           // own points 4 … 7
    for (var k = 0u; k < select(cRow, 0u, KEEP && KIND != 0u); k += 1u) {
      let v0 = M(own[at0.x + k], own[at0.y + k], own[at0.z + k], own[at0.w + k]);
      let v4 = M(own[at4.x + k], own[at4.y + k], own[at4.z + k], own[at4.w + k]);
      for (var v = 0u; v < NV; v += 1u) {
        let b = transpose(four(other[points[v] * cRow + k]));
        low[v] += b * v0;
        high[v] += b * v4;
      }
    }
    for (var v = 0u; v < NV; v += 1u) {
      if (KEEP && KIND == 0u) {
        if (p < end && q + 4u * v < stop) { dots[place(batch, p, q + 4u * v)] = low[v]; }
        if (p + 4u < end && q + 4u * v < stop) { dots[place(batch, p + 4u, q + 4u * v)] = high[v]; }
      }
      if (KEEP && KIND != 0u) {
        low[v] = recall(place(batch, p, q + 4u * v));
        high[v] = recall(place(batch, p + 4u, q + 4u * v));
      }
      var row = U();
      if (KIND == 2u) { row = rows[points[v]]; }
      take(low[v], q + 4u * v, row, p, 0u);
      take(high[v], q + 4u * v, row, p, 4u);
    }
  }
  for (var o = 0u; o < 8u && p + o < end; o += 1u) { partial[(split * params.batch + batch) * params.own + p + o] = result(o); }
}
