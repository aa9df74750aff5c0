// dw = Aᵀ·m·A: gradients of 3 × 3 filters from their 6 × 6 sums m over all tiles, Winograd's F(3×3, 4×4) over the
// points 0, ±5/8, ±3/2, ∞. One invocation makes four filters, those of one input and four output channels.
// Layouts: m [36][C, K] · dw [part][3, 3, C, K], in vec4s. size = C·K / 4. Needs: K multiple of 4.
alias F = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
const A1 = 0.625;            // the points and their squares
const B1 = 1.5;
const A2 = 0.390625;
const B2 = 2.25;
struct Params { size : u32, part : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> m : array<F>;
@group(0) @binding(2) var<storage, read_write> dw : array<F>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// Aᵀ·d of six numbers d.
fn transformed(d0 : F, d1 : F, d2 : F, d3 : F, d4 : F, d5 : F) -> array<F, 3> {
  let a = d1 + d2;
  let b = d3 + d4;
  return array<F, 3>(d0 + a + b, A1 * (d1 - d2) + B1 * (d3 - d4), A2 * a + B2 * b + d5);
}
// One row of the sums, transformed.
fn line(i : u32, row : u32) -> array<F, 3> {
  let at = row * 6u * params.size + i;
  let s = params.size;
  return transformed(m[at], m[at + s], m[at + 2u * s], m[at + 3u * s], m[at + 4u * s], m[at + 5u * s]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.size) { return; }
  let l0 = line(t, 0u);
  let l1 = line(t, 1u);
  let l2 = line(t, 2u);
  let l3 = line(t, 3u);
  let l4 = line(t, 4u);
  let l5 = line(t, 5u);
  for (var s = 0u; s < 3u; s += 1u) {
    let column = transformed(l0[s], l1[s], l2[s], l3[s], l4[s], l5[s]);
    for (var r = 0u; r < 3u; r += 1u) {
      let i = (params.part * 9u + r * 3u + s) * params.size + t;
      dw[i] = epilogue(column[r], i);
    }
  }
}
