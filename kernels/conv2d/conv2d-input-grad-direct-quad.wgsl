enable subgroups;
// dx[n,h,w,c] = Σ_{r,s,k} dy[n,p,q,k] · w[r,s,c,k]
// over p·strideY = h + padTop − r·dilY, q·strideX = w + padLeft − s·dilX
// Pixels of one residue (row, column) modulo the stride meet the same taps, every period-th: a tile holds one residue.
// One invocation makes 4 pixels × CV·4 channels as 4×4 matrices: pixels that follow each other in their residue, through
// rows and images. The quad shares each row of weights. A workgroup's quads take the same channels at pixels side by side;
// where 16 pixels are all, the same pixels at tiles of channels side by side. What a turn needs is loaded before its
// products: llvmpipe loads by calls, which keep no register.
// No barriers, few loads per product: for CPU adapters, where a load costs most.
// Layouts: dy NPQK · w RSCK · dx NHWC, in vec4s. period = stride / gcd(stride, dil).
// Needs: C and K multiples of 4 within each group; subgroups.
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
// The quad's four rows of weights from the one that each invocation loads.
fn rows(v : F) -> M { return transpose(M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u))); }
// A vec4 of weights, of those beyond the first.
fn more(at : u32, number : u32) -> F {
  if (CV <= number) { return F(); }
  return F(w[at]);
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let cs = cRow / params.groups;
  let ks = kRow / params.groups;
  let cTiles = (cs + CV - 1u) / CV;
  let tiles = cTiles * params.groups;
  let few = params.n * ((params.h + params.strideY - 1u) / params.strideY) * ((params.w + params.strideX - 1u) / params.strideX) <= 16u;
  let tilesZ = select(tiles, (tiles + 3u) / 4u, few);
  let phase = group.z / tilesZ;
  let own = select(group.z % tilesZ, group.z % tilesZ * 4u + local / 4u, few);
  let tile = min(own, tiles - 1u);         // quads past the last tile repeat it and write nothing
  let g = tile / cTiles;
  let c = (tile % cTiles) * CV;            // within the group
  let last = cs - 1u - c;                  // channels past the group's end repeat its last and are not written
  let c1 = min(1u, last) * 4u * kRow;
  let c2 = min(2u, last) * 4u * kRow;
  let c3 = min(3u, last) * 4u * kRow;
  let phaseY = phase / params.strideX;
  let phaseX = phase % params.strideX;
  let rowsH = (params.h + params.strideY - 1u - phaseY) / params.strideY;
  let columnsW = (params.w + params.strideX - 1u - phaseX) / params.strideX;
  let pixels = params.n * rowsH * columnsW;
  let place = select((group.x + group.y * groups.x) * 16u + local, local & 3u, few) * 4u;
  let pixel = select(pixels, place, own < tiles);
  let four = pixel + U(0u, 1u, 2u, 3u);
  let x = four % columnsW;
  let y = four / columnsW % rowsH;
  let n = min(four / columnsW / rowsH, U(params.n - 1u));      // what is no image mirrors one, and is not written
  let r0 = first(i32(phaseY) + params.padTop, params.dilY, params.strideY, params.periodY, params.r);
  let s0 = first(i32(phaseX) + params.padLeft, params.dilX, params.strideX, params.periodX, params.s);
  var p = I(y) + (i32(phaseY) + params.padTop - i32(r0 * params.dilY)) / i32(params.strideY);
  let q0 = I(x) + (i32(phaseX) + params.padLeft - i32(s0 * params.dilX)) / i32(params.strideX);
  let stepP = i32(params.periodY * params.dilY / params.strideY);
  let stepQ = i32(params.periodX * params.dilX / params.strideX);
  let limit = params.q * kRow;
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  for (var r = r0; r < params.r; r += params.periodY) {
    let row = (n * params.p + U(p)) * limit;
    let inside = U(p) < U(params.p);
    var q = q0;
    for (var s = s0; s < params.s; s += params.periodX) {
      // From there no run gets into the row.
      var at = select(I(-0x40000000), q * i32(kRow) + i32(g * ks), inside);
      var wi = (((r * params.s + s) * cs + c) * 4u + (lane & 3u)) * kRow + g * ks;
      for (var i = 0u; i < ks; i += 1u) {
        let ok = U(at) < U(limit);
        let j = select(U(), row + U(at), ok);
        let v = M(select(F(), F(dy[j.x]), ok.x), select(F(), F(dy[j.y]), ok.y), select(F(), F(dy[j.z]), ok.z), select(F(), F(dy[j.w]), ok.w));
        let w0 = F(w[wi]);
        let w1 = more(wi + c1, 1u);
        let w2 = more(wi + c2, 2u);
        let w3 = more(wi + c3, 3u);
        a0 += rows(w0) * v;
        if (CV > 1u) { a1 += rows(w1) * v; }
        if (CV > 2u) { a2 += rows(w2) * v; }
        if (CV > 3u) { a3 += rows(w3) * v; }
        at += I(1);
        wi += 1u;
      }
      q -= stepQ;
    }
    p -= stepP;
  }
  if (pixel >= pixels) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  let to = ((n * params.h + phaseY + y * params.strideY) * params.w + phaseX + x * params.strideX) * cRow + g * cs;
  for (var cv = c; cv < min(c + CV, cs); cv += 1u) {
    for (var px = pixel; px < min(pixel + 4u, pixels); px += 1u) {
      let i = to[px - pixel] + cv;
      dx[i] = Elem4(epilogue(out[cv - c][px - pixel], i));
    }
  }
}
