// dx[n,h,w,c] = Σ_{r,s,k} dy[n,p,q,k] · w[r,s,c,k]
// over p·strideY = h + padTop − r·dilY, q·strideX = w + padLeft − s·dilX
// Pixels of one residue (row, column) modulo the stride meet the same taps, every period-th: a tile holds one residue.
// One invocation makes 4 pixels of a row × CV·4 channels as 4×4 matrices. No barriers, no workgroup memory.
// Layouts: dy NPQK · w RSCK · dx NHWC, in vec4s. period = stride / gcd(stride, dil).
// Needs: C and K multiples of 4 within each group.
alias Elem4 = vec4<f32>;     // seam: storage type of dy, w, dx
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const CV = 2u;               // seam: vec4s of input channels per invocation, 1 … 4
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, periodY : u32, periodX : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> dx : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The first tap that meets a pixel of dy at residue `at`; `count` if none does.
fn first(at : i32, dil : u32, stride : u32, period : u32, count : u32) -> u32 {
  for (var r = 0u; r < period; r += 1u) {
    if ((at - i32(r * dil)) % i32(stride) == 0) { return r; }
  }
  return count;
}
// Rows c … c+3 of the weights, 4 values of k each.
fn rows(at : u32, row : u32) -> M { return M(F(w[at]), F(w[at + row]), F(w[at + 2u * row]), F(w[at + 3u * row])); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let cs = cRow / params.groups;
  let ks = kRow / params.groups;
  let cTiles = (cs + CV - 1u) / CV;
  let tilesC = cTiles * params.groups;
  let rowsH = (params.h + params.strideY - 1u) / params.strideY;
  let tilesW = ((params.w + params.strideX - 1u) / params.strideX + 3u) / 4u;
  let u = gid.x + gid.y * groups.x * 64u;
  let tile = u % tilesC;
  let phase = u / tilesC / (params.n * rowsH * tilesW);
  let t = u / tilesC % (params.n * rowsH * tilesW);
  let g = tile / cTiles;
  let c = (tile % cTiles) * CV;            // within the group
  let last = cs - 1u - c;                  // channels past the group's end repeat its last and are not written
  let c1 = min(1u, last) * 4u * kRow;
  let c2 = min(2u, last) * 4u * kRow;
  let c3 = min(3u, last) * 4u * kRow;
  let phaseY = phase / params.strideX;
  let phaseX = phase % params.strideX;
  let j0 = (t % tilesW) * 4u;
  let n = t / tilesW / rowsH;
  let i0 = t / tilesW % rowsH;
  let h = phaseY + i0 * params.strideY;
  if (phase >= params.strideY * params.strideX || h >= params.h) { return; }
  let r0 = first(i32(phaseY) + params.padTop, params.dilY, params.strideY, params.periodY, params.r);
  let s0 = first(i32(phaseX) + params.padLeft, params.dilX, params.strideX, params.periodX, params.s);
  var p = i32(i0) + (i32(phaseY) + params.padTop - i32(r0 * params.dilY)) / i32(params.strideY);
  let q0 = i32(j0) + (i32(phaseX) + params.padLeft - i32(s0 * params.dilX)) / i32(params.strideX);
  let stepP = i32(params.periodY * params.dilY / params.strideY);
  let stepQ = i32(params.periodX * params.dilX / params.strideX);
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  for (var r = r0; r < params.r; r += params.periodY) {
    let row = (n * params.p + u32(p)) * params.q * kRow;
    let limit = U(select(0u, params.q * kRow, u32(p) < params.p));
    var q = q0;
    for (var s = s0; s < params.s; s += params.periodX) {
      var at = I(q * i32(kRow) + i32(g * ks)) + I(0, 1, 2, 3) * i32(kRow);
      var wi = (((r * params.s + s) * cs + c) * 4u) * kRow + g * ks;
      for (var i = 0u; i < ks; i += 1u) {
        let ok = U(at) < limit;
        let j = select(U(), row + U(at), ok);
        let v = M(select(F(), F(dy[j.x]), ok.x), select(F(), F(dy[j.y]), ok.y), select(F(), F(dy[j.z]), ok.z), select(F(), F(dy[j.w]), ok.w));
        a0 += transpose(rows(wi, kRow)) * v;
        if (CV > 1u) { a1 += transpose(rows(wi + c1, kRow)) * v; }
        if (CV > 2u) { a2 += transpose(rows(wi + c2, kRow)) * v; }
        if (CV > 3u) { a3 += transpose(rows(wi + c3, kRow)) * v; }
        at += I(1);
        wi += 1u;
      }
      q -= stepQ;
    }
    p -= stepP;
  }
  var out = array<M, 4>(a0, a1, a2, a3);
  for (var v = 0u; v <= min(last, CV - 1u); v += 1u) {
    for (var j = 0u; j < 4u; j += 1u) {
      let x = phaseX + (j0 + j) * params.strideX;
      if (x >= params.w) { break; }
      let i = ((n * params.h + h) * params.w + x) * cRow + g * cs + c + v;
      dx[i] = Elem4(epilogue(out[v][j], i));
    }
  }
}
