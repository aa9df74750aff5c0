// dx[n,h,w,c] = Σ_{r,s,k} dy[n,p,q,k] · w[r,s,c,k]
// over p·strideY = h + padTop − r·dilY, q·strideX = w + padLeft − s·dilX
// Pixels of one residue (row, column) modulo the stride meet the same taps, every period-th: a tile holds one residue.
// One invocation makes 8 pixels of a row × CT channels. Takes any shape; it is meant for C or K below 4 or odd.
// Layouts: dy NPQK · w RSCK · dx NHWC. period = stride / gcd(stride, dil). Needs: nothing.
alias Elem = f32;            // seam: storage type of dy, w, dx
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const CT = 4u;               // seam: input channels per invocation, 4 or 1
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, k : u32, r : u32, s : u32, strideY : u32, strideX : u32, padTop : i32, padLeft : i32, dilY : u32, dilX : u32, groups : u32, periodY : u32, periodX : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem>;
@group(0) @binding(2) var<storage, read> w : array<Elem>;
@group(0) @binding(3) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The first tap that meets a pixel of dy at residue `at`; `count` if none does.
fn first(at : i32, dil : u32, stride : u32, period : u32, count : u32) -> u32 {
  for (var r = 0u; r < period; r += 1u) {
    if ((at - i32(r * dil)) % i32(stride) == 0) { return r; }
  }
  return count;
}
// dy at four offsets of a row; zero where the offset leaves it.
fn load(row : u32, at : vec4<i32>, limit : u32) -> vec4<f32> {
  let ok = vec4<u32>(at) < vec4<u32>(limit);
  let j = select(vec4<u32>(), row + vec4<u32>(at), ok);
  return select(vec4<f32>(), vec4<f32>(F(dy[j.x]), F(dy[j.y]), F(dy[j.z]), F(dy[j.w])), ok);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let cs = params.c / params.groups;
  let ks = params.k / params.groups;
  let cTiles = (cs + CT - 1u) / CT;
  let tilesC = cTiles * params.groups;
  let rowsH = (params.h + params.strideY - 1u) / params.strideY;
  let tilesW = ((params.w + params.strideX - 1u) / params.strideX + 7u) / 8u;
  let u = gid.x + gid.y * groups.x * 64u;
  let tile = u % tilesC;
  let phase = u / tilesC / (params.n * rowsH * tilesW);
  let t = u / tilesC % (params.n * rowsH * tilesW);
  let g = tile / cTiles;
  let c = (tile % cTiles) * CT;            // within the group
  let last = cs - 1u - c;                  // channels past the group's end repeat its last and are not written
  let channels = min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(last)) * params.k;
  let phaseY = phase / params.strideX;
  let phaseX = phase % params.strideX;
  let j0 = (t % tilesW) * 8u;
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
  var a0 = mat4x4<f32>();                  // column: channel; row: pixel
  var a1 = mat4x4<f32>();
  for (var r = r0; r < params.r; r += params.periodY) {
    let row = (n * params.p + u32(p)) * params.q * params.k;
    let limit = select(0u, params.q * params.k, u32(p) < params.p);
    var q = q0;
    for (var s = s0; s < params.s; s += params.periodX) {
      var at = vec4<i32>(q * i32(params.k) + i32(g * ks)) + vec4<i32>(0, 1, 2, 3) * i32(params.k);
      var wi = ((r * params.s + s) * cs + c) * params.k + g * ks;
      for (var i = 0u; i < ks; i += 1u) {
        let v0 = load(row, at, limit);
        let v1 = load(row, at + vec4<i32>(4 * i32(params.k)), limit);
        let b0 = F(w[wi]);
        if (CT == 1u) {
          a0[0] += v0 * b0;
          a1[0] += v1 * b0;
        } else {
          let b1 = F(w[wi + channels.y]);
          let b2 = F(w[wi + channels.z]);
          let b3 = F(w[wi + channels.w]);
          a0 += mat4x4<f32>(v0 * b0, v0 * b1, v0 * b2, v0 * b3);
          a1 += mat4x4<f32>(v1 * b0, v1 * b1, v1 * b2, v1 * b3);
        }
        at += vec4<i32>(1);
        wi += 1u;
      }
      q -= stepQ;
    }
    p -= stepP;
  }
  var out = array<mat4x4<f32>, 2>(a0, a1);
  // Loops whose lengths no compiler knows: unrolled, stores take most of the time to compile.
  for (var j = j0; j < j0 + 8u; j += 1u) {
    let x = phaseX + j * params.strideX;
    if (x >= params.w) { break; }
    for (var v = c; v <= c + min(last, CT - 1u); v += 1u) {
      let i = ((n * params.h + h) * params.w + x) * params.c + g * cs + v;
      dx[i] = Elem(epilogue(out[j / 4u % 2u][v - c][j % 4u], i));
    }
  }
}
