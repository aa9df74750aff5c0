// Sine, cosine and arctangent, for arguments of any size.

// 2/π in words of 32 bits, after one word of zeros.
fn twoOverPi_(i: U) -> U {
  return select(select(select(select(select(select(
    U(0x3c439041u), U(0xdb629599u), i == U(5u)), U(0xf534ddc0u), i == U(4u)),
    U(0xfc2757d1u), i == U(3u)), U(0x4e441529u), i == U(2u)), U(0xa2f9836eu), i == U(1u)), U(0u), i == U(0u));
}

// sin(x + turn·π/2). Up to |x| = 8192 x − k·π/2 with π/2 in three parts (Cody & Waite); beyond, x·2/π modulo 4 from
// the 64 bits of 2/π that matter (Payne & Hanek), to 4e-9.
fn quarterTurn_(x: F, turn: I) -> F {
  let k = round(x * F(0.63661977));
  var r = ((x - k * F(1.5703125)) - k * F(4.837512969970703e-4)) - k * F(7.5497899e-8);
  var q = I(clamp(k, F(-8192.0), F(8192.0)));
  let bits = bitcast<U>(x);
  let large = abs(x) > F(8192.0);
  if (any(large)) {
    let m = (bits & U(0x007fffffu)) | U(0x00800000u);
    // x = m · 2^e; the window begins e + 30 bits into the words.
    let at = ((bits >> U(23u)) & U(0xffu)) - U(120u);
    let i = min(at >> U(5u), U(4u));
    let shift = at & U(31u);
    let w1 = twoOverPi_(i + U(1u));
    let high = (twoOverPi_(i) << shift) | ((w1 >> U(1u)) >> (U(31u) - shift));
    let low = (w1 << shift) | ((twoOverPi_(i + U(2u)) >> U(1u)) >> (U(31u) - shift));
    let m1 = m >> U(12u);
    let m0 = m & U(0xfffu);
    let l1 = low >> U(16u);
    let l0 = low & U(0xffffu);
    let p = m * high + ((m1 * l1) >> U(4u)) + ((m1 * l0) >> U(20u)) + ((m0 * l1) >> U(16u));
    let turns = (p + U(0x20000000u)) >> U(30u);
    let fraction = F(bitcast<I>(p - (turns << U(30u)))) * F(1.4629180792671596e-9);
    let minus = x < F(0.0);
    r = select(r, select(fraction, -fraction, minus), large);
    q = select(q, select(I(turns), -I(turns), minus), large);
  }
  q += turn;
  let z = r * r;
  let s = r + r * z * (F(-0.16666654) + z * (F(0.00833211) + z * F(-0.00019509)));
  let c = (F(1.0) - F(0.5) * z) + z * z * (F(0.0416666444) + z * (F(-0.00138872515) + z * F(2.44256808e-5)));
  let y = select(s, c, (q & I(1)) == I(1));
  let finite = (bits & U(0x7f800000u)) != U(0x7f800000u);
  return select(bitcast<F>(bits | U(0x7fc00000u)), select(y, -y, (q & I(2)) == I(2)), finite);
}

fn sin_(x: F) -> F { return quarterTurn_(x, I(0)); }

fn cos_(x: F) -> F { return quarterTurn_(x, I(1)); }

// atan by its value at 0, π/4 or π/2 and that of a remainder of at most tan(π/8).
fn atan_(x: F) -> F {
  let v = abs(x);
  let far = v > F(2.41421356);
  let middle = v > F(0.41421356);
  let a = select(select(v, (v - F(1.0)) / (v + F(1.0)), middle), F(-1.0) / v, far);
  let z = a * a;
  let y = select(select(F(0.0), F(0.785398163), middle), F(1.57079633), far)
    + (a + a * z * (F(-0.33333315)
    + z * (F(0.19998469) + z * (F(-0.14243487) + z * (F(0.10593453) + z * F(-0.06077263))))));
  return select(select(y, -y, x < F(0.0)), x, isNan(x));
}
