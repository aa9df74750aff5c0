enable subgroups;
// y[n,p,q,k] = Σ_{r,s,c} x[n, p·strideY + r·dilY − padTop, q·strideX + s·dilX − padLeft, c] · w[r,s,c,k]
// One invocation makes 4 pixels × KV·4 channels as 4×4 matrices: pixels that follow each other, through rows and images.
// The four of a quad work on the same channels and share each row of weights. A workgroup's quads take the same channels at
// pixels side by side; where 16 pixels are all, the same pixels at tiles of channels side by side. What a turn needs is
// loaded before its products: llvmpipe loads by calls, which keep no register. No barriers, few loads per product: for CPU
// adapters, where a load costs most.
// Layouts: x NHWC · w RSCK · y NPQK, in vec4s. Needs: C and K multiples of 4 within each group; subgroups.
alias Elem4 = vec4<f32>;     // seam: storage type of x, w, y
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
alias M = mat4x4<f32>;
const KV = 2u;               // seam: vec4s of output channels per invocation, 1 … 4
const REFLECT = false;       // seam: beyond its edges the image is mirrored, not zero
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem4>;
@group(0) @binding(2) var<storage, read> w : array<Elem4>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem4>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The quad's four rows of weights from the one that each invocation loads.
fn rows(v : F) -> M { return M(quadBroadcast(v, 0u), quadBroadcast(v, 1u), quadBroadcast(v, 2u), quadBroadcast(v, 3u)); }
// A vec4 of weights, of those beyond the first.
fn more(at : u32, number : u32) -> F {
  if (KV <= number) { return F(); }
  return F(w[at]);
}
// The row or column of `size` that stands at i.
fn mirror(i : I, size : u32) -> I {
  if (!REFLECT) { return i; }
  let last = I(i32(size) - 1);
  return last - abs(last - abs(i));
}

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) local : u32, @builtin(subgroup_invocation_id) lane : u32) {
  let cRow = params.c / 4u;
  let kRow = params.k / 4u;
  let cs = cRow / params.groups;
  let ks = kRow / params.groups;
  let kTiles = (ks + KV - 1u) / KV;
  let tiles = kTiles * params.groups;
  let pixels = params.n * params.p * params.q;
  let few = pixels <= 16u;
  let own = select(group.z, group.z * 4u + local / 4u, few);
  let tile = min(own, tiles - 1u);         // quads past the last tile repeat it and write nothing
  let g = tile / kTiles;
  let k = g * ks + (tile % kTiles) * KV;
  let last = (g + 1u) * ks - 1u - k;       // channels past the group's end repeat its last and are not written
  let k1 = min(1u, last);
  let k2 = min(2u, last);
  let k3 = min(3u, last);
  let first = select((group.x + group.y * groups.x) * 16u + local, local & 3u, few) * 4u;
  let pixel = select(pixels, first, own < tiles);
  let four = pixel + U(0u, 1u, 2u, 3u);
  let q = four % params.q;
  let p = four / params.q % params.p;
  let n = min(four / params.q / params.p, U(params.n - 1u));   // what is no image mirrors one, and is not written
  // A filter row whose taps are neighbours in memory is one run of s·c; else a run of c for each tap.
  let flat = !REFLECT && params.dilX == 1u && params.groups == 1u;
  let runs = select(params.s, 1u, flat);
  let length = select(cs, params.s * cs, flat);
  let limit = params.w * cRow;
  var a0 = M();
  var a1 = M();
  var a2 = M();
  var a3 = M();
  var wi = (lane & 3u) * kRow + k;
  for (var r = 0u; r < params.r; r += 1u) {
    let h = mirror(I(p * params.strideY + r * params.dilY) - params.padTop, params.h);
    let row = (n * params.h + U(h)) * limit;
    let inside = B(REFLECT) | (U(h) < U(params.h));
    for (var run = 0u; run < runs; run += 1u) {
      let column = mirror(I(q * params.strideX + run * params.dilX) - params.padLeft, params.w);
      // From there no run gets into the row.
      var at = select(I(-0x40000000), column * i32(cRow) + i32(g * cs), inside);
      for (var i = 0u; i < length; i += 1u) {
        let ok = B(REFLECT) | (U(at) < U(limit));
        let j = select(U(), row + U(at), ok);
        let v = M(select(F(), F(x[j.x]), ok.x), select(F(), F(x[j.y]), ok.y), select(F(), F(x[j.z]), ok.z), select(F(), F(x[j.w]), ok.w));
        let w0 = F(w[wi]);
        let w1 = more(wi + k1, 1u);
        let w2 = more(wi + k2, 2u);
        let w3 = more(wi + k3, 3u);
        a0 += rows(w0) * v;
        if (KV > 1u) { a1 += rows(w1) * v; }
        if (KV > 2u) { a2 += rows(w2) * v; }
        if (KV > 3u) { a3 += rows(w3) * v; }
        at += I(1);
        wi += 4u * kRow;
      }
    }
  }
  if (pixel >= pixels) { return; }
  var out = array<M, 4>(a0, a1, a2, a3);
  for (var kv = k; kv <= k + min(last, KV - 1u); kv += 1u) {
    for (var px = pixel; px < min(pixel + 4u, pixels); px += 1u) {
      let i = px * kRow + kv;
      y[i] = Elem4(epilogue(out[kv - k][px - pixel], i));
    }
  }
}
