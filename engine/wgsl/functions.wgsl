// WGSL functions for what the built-ins get wrong: they swallow NaN, overflow, or lose small arguments.
// F, I, U, B are aliases for scalars or vec4, so each function serves both.

fn isNan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }

// Floats as integers of the same order: comparisons that no adapter's flushing of subnormals reaches.
fn rank_(x: F) -> I { let i = bitcast<I>(x); return i ^ ((i >> U(31u)) & I(0x7fffffff)); }

fn maximum_(a: F, b: F) -> F {
  return select(select(select(b, a, rank_(a) > rank_(b)), b, isNan(b)), a, isNan(a));
}

fn minimum_(a: F, b: F) -> F {
  return select(select(select(b, a, rank_(a) < rank_(b)), b, isNan(b)), a, isNan(a));
}

// 0 for the bits of −0 … −∞: what is left is positive or NaN.
fn relu_(x: F) -> F { return select(x, F(0.0), (bitcast<U>(x) - U(0x80000000u)) <= U(0x7f800000u)); }

// Subnormal numbers: adapters may take them for 0 in arithmetic and comparisons, so they are read from the bits, as
// x · 2^149.
fn subnormal(x: F) -> B { return ((bitcast<U>(x) & U(0x7fffffffu)) - U(1u)) < U(0x007fffffu); }

fn fromSubnormal(x: F) -> F { return F(bitcast<U>(x) & U(0x007fffffu)); }

fn neg_(x: F) -> F { return bitcast<F>(bitcast<U>(x) ^ U(0x80000000u)); }

fn sign_(x: F) -> F {
  let bits = bitcast<U>(x);
  let magnitude = bits & U(0x7fffffffu);
  return select(select(F(1.0), F(-1.0), magnitude != bits), F(0.0),
    (magnitude == U(0u)) | (magnitude > U(0x7f800000u)));
}

fn reciprocal_(x: F) -> F {
  let tiny = (F(8.50705917e37) / fromSubnormal(x)) * F(8388608.0);
  return select(F(1.0) / x, select(tiny, -tiny, bitcast<I>(x) < I(0)), subnormal(x));
}

fn rsqrt_(x: F) -> F {
  let v = F(2.0) * fromSubnormal(x);
  return select(F(1.0) / sqrt(x), F(3.77789319e22) / sqrt(select(v, -v, bitcast<I>(x) < I(0))), subnormal(x));
}

fn sqrt_(x: F) -> F {
  let v = F(2.0) * fromSubnormal(x);
  return select(sqrt(x), sqrt(select(v, -v, bitcast<I>(x) < I(0))) * F(2.6469779601696886e-23), subnormal(x));
}

fn floor_(x: F) -> F { return select(floor(x), F(-1.0), subnormal(x) & (bitcast<I>(x) < I(0))); }

fn ceil_(x: F) -> F { return select(ceil(x), F(1.0), subnormal(x) & (bitcast<I>(x) > I(0))); }

fn square_(x: F) -> F { return x * x; }

// The nearest number that f16 holds, ties to even: below 2^-14 in units of 2^-24, from 65,520 on infinite. In bits, for
// compilers take an f16 that is not stored for its f32.
fn half_(x: F) -> F {
  let bits = bitcast<U>(x);
  let magnitude = bits & U(0x7fffffffu);
  let normal = (magnitude + U(0xfffu) + ((magnitude >> U(13u)) & U(1u))) & U(0xffffe000u);
  let whole = select(normal, U(0x7f800000u), magnitude >= U(0x477ff000u));
  let tiny = bitcast<U>(round(bitcast<F>(min(magnitude, U(0x38800000u))) * F(16777216.0)) * F(5.9604644775390625e-8));
  let rounded = select(whole, tiny, magnitude < U(0x38800000u));
  return bitcast<F>((bits & U(0x80000000u)) | select(rounded, magnitude, magnitude > U(0x7f800000u)));
}

// exp: Cody–Waite reduction to |r| ≤ ln2/2 and a degree-6 polynomial: 1 ulp, where built-ins lose 6 bits at |x| = 80.
fn exp_(x: F) -> F {
  let c = clamp(x, F(-104.0), F(89.0));
  let k = round(c * F(1.44269504));
  let r = (c - k * F(0.693359375)) + k * F(2.12194440e-4);
  let p = F(1.0) + r * (F(1.0) + r * (F(0.5) + r * (F(0.16666667)
    + r * (F(0.041666668) + r * (F(0.0083333310) + r * F(0.0013981999))))));
  let h = I(k) >> U(1u);
  let y = p * bitcast<F>((h + I(127)) << U(23u)) * bitcast<F>((I(k) - h + I(127)) << U(23u));
  return select(y, x, isNan(x));
}

// eˣ − 1: the series near 0, where the subtraction would cancel.
fn expm1_(x: F) -> F {
  let s = x * (F(1.0) + x * (F(0.5) + x * (F(0.16666667)
    + x * (F(0.041666668) + x * (F(0.0083333333) + x * (F(0.0013888889) + x * F(0.00019841270)))))));
  return select(exp_(x) - F(1.0), s, abs(x) < F(0.35));
}

// log with its edges said: NaN below 0, −∞ at 0, and subnormals.
fn log_(x: F) -> F {
  let tiny = subnormal(x);
  let v = select(x, fromSubnormal(x), tiny);
  let bits = bitcast<I>(v) - I(0x3f3504f3);
  let e = bits >> U(23u);
  let m = bitcast<F>((bits & I(0x007fffff)) + I(0x3f3504f3));
  let f = m - F(1.0);
  let s = f / (F(2.0) + f);
  let z = s * s;
  let w = z * z;
  let t = z * (F(0.66666662693) + w * F(0.28498786688)) + w * (F(0.40000972152) + w * F(0.24279078841));
  let h = F(0.5) * f * f;
  let k = F(e) - select(F(0.0), F(149.0), tiny);
  let y = k * F(0.69313812256) + (f - (h - (s * (h + t) + k * F(9.0580006145e-6))));
  // Made from x's bits: WGSL takes no constant that is infinite or NaN.
  let zero = bitcast<U>(x) & U(0u);
  let inf = bitcast<F>(zero | U(0x7f800000u));
  let whole = bitcast<I>(x);
  return select(select(select(select(y, bitcast<F>(zero | U(0x7fc00000u)), whole < I(0)),
    -inf, (whole & I(0x7fffffff)) == I(0)), x, x == inf), x, isNan(x));
}

// log(1 + x): the correction x − ((1+x) − 1) restores what the addition rounds away.
fn log1p_(x: F) -> F {
  let s = x * (F(1.0) - x * (F(0.5) - x * (F(0.33333334)
    - x * (F(0.25) - x * (F(0.2) - x * (F(0.16666667) - x * (F(0.14285715) - x * F(0.125))))))));
  return select(log_(F(1.0) + x), s, abs(x) < F(0.12));
}

// tanh = (e²ˣ − 1) / (e²ˣ + 1) through expm1: exact near 0, ±1 far out.
fn tanh_(x: F) -> F {
  let e = expm1_(F(2.0) * clamp(abs(x), F(0.0), F(15.0)));
  let y = e / (e + F(2.0));
  return select(select(y, -y, x < F(0.0)), x, isNan(x));
}

fn sigmoid_(x: F) -> F {
  let e = exp_(-abs(x));
  return select(F(1.0), e, x < F(0.0)) / (F(1.0) + e);
}

fn softplus_(x: F) -> F { return relu_(x) + log1p_(exp_(-abs(x))); }

// The leading 12 and 16 bits of a float. Products of two of 12 are exact; and masks, unlike (a + b) − a, no
// compiler simplifies.
fn leading_(x: F) -> F { return bitcast<F>(bitcast<U>(x) & U(0xfffff000u)); }

fn leading16_(x: F) -> F { return bitcast<F>(bitcast<U>(x) & U(0xffffff00u)); }

// a to the b = exp(b·log|a|) with log|a| = hi + lo to some 35 bits, so that the product keeps 24; edges as C's pow:
// NaN for a negative base and a fractional exponent, 1 for b = 0, for a = 1 and for a = −1 with an infinite b.
fn pow_(a: F, b: F) -> F {
  let zero = bitcast<U>(a) & U(0u);
  let inf = bitcast<F>(zero | U(0x7f800000u));
  let v = abs(a);
  let tiny = subnormal(v);
  let bits = bitcast<I>(select(v, fromSubnormal(v), tiny)) - I(0x3f3504f3);
  let m = bitcast<F>((bits & I(0x007fffff)) + I(0x3f3504f3));
  let e = F(bits >> U(23u)) - select(F(0.0), F(149.0), tiny);
  // log m = 2 atanh(s), s = f / t, f = m − 1, t = m + 1 = t1 + t2, s = s1 + s2.
  let f = m - F(1.0);
  let t = m + F(1.0);
  let s1 = leading_(f / t);
  let t1 = leading_(t);
  let t2 = m - (t1 - F(1.0));
  let s2 = ((f - s1 * t1) - s1 * t2) / t;
  let s = s1 + s2;
  let z = s * s;
  let series = s * z * (F(0.66666667) + z * (F(0.4) + z * (F(0.28571429) + z * (F(0.22222222) + z * F(0.18181818)))));
  let big = e * F(0.693359375);
  let high = leading16_(big + F(2.0) * s1);
  let low = ((big - high) + F(2.0) * s1) + (F(2.0) * s2 + series - e * F(2.12194440e-4));
  let l1 = leading_(high + low);
  let l2 = (high - l1) + low;
  let b1 = leading_(b);
  let p1 = b1 * l1;
  let p2 = b1 * l2 + (b - b1) * (l1 + l2);
  let p = leading16_(p1 + p2);
  let rest = (p1 - p) + p2;
  let inside = abs(p) < F(150.0);
  var y = exp_(select(select(F(-150.0), F(150.0), p > F(0.0)), p, inside))
    * select(F(1.0), F(1.0) + (rest + F(0.5) * rest * rest), inside);
  let whole = floor(b) == b;
  let odd = whole & (abs(b - F(2.0) * floor(b * F(0.5))) == F(1.0));
  // 0, ∞ and |b| = ∞.
  let grows = select(b > F(0.0), b < F(0.0), v < F(1.0));
  let edge = (bitcast<U>(v) == U(0u)) | (v == inf) | (abs(b) == inf);
  y = select(y, select(F(0.0), inf, grows), edge);
  y = select(y, F(1.0), (v == F(1.0)) & whole);
  let negative = (bitcast<U>(a) & U(0x80000000u)) != U(0u);
  y = select(y, -y, negative & odd);
  y = select(y, bitcast<F>(zero | U(0x7fc00000u)), negative & (bitcast<U>(v) != U(0u)) & (v != inf) & !whole);
  return select(select(select(y, a, isNan(a)), b, isNan(b)), F(1.0), (b == F(0.0)) | (a == F(1.0)));
}

// a to the b for whole numbers, by squaring; to a negative power as its quotient: ±1 for ±1, else 0.
fn powWhole_(a: I, b: I) -> I {
  var y = I(1);
  var base = a;
  for (var bit = 0u; bit < 31u; bit += 1u) {
    y = select(y, y * base, ((b >> U(bit)) & I(1)) == I(1));
    base *= base;
  }
  let odd = (b & I(1)) == I(1);
  return select(y, select(I(0), select(I(1), a, odd), abs(a) == I(1)), b < I(0));
}

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

// erf near 0: x · polynomial of x².
fn erfNear_(x: F) -> F {
  let z = x * x;
  return x * (F(1.12837917) + z * (F(-0.376126258) + z * (F(0.112835853)
    + z * (F(-0.0268538156) + z * (F(0.00518833377) + z * (F(-0.000801024189) + z * F(7.85400874e-5)))))));
}

// 1 − erf for v ≥ 1: e^(−v²) · polynomial of 1 / (1 + 0.4 v). v² in two parts, or its rounding would show.
fn erfcFar_(v: F) -> F {
  let t = min(v, F(11.0));
  let h = leading_(t);
  let u = F(1.0) / (F(1.0) + F(0.4) * t);
  let p = F(0.2256838152) + u * (F(0.2254721665) + u * (F(0.2098795220)
    + u * (F(0.1572561686) + u * (F(0.1780716017) + u * (F(-0.0771636741)
    + u * (F(0.2515899415) + u * (F(-0.2345477999) + u * F(0.06377716500))))))));
  return exp_(-h * h) * exp_((h - t) * (h + t)) * u * p;
}

fn erf_(x: F) -> F {
  let v = abs(x);
  let far = F(1.0) - erfcFar_(v);
  return select(select(select(far, -far, x < F(0.0)), erfNear_(x), v < F(1.0)), x, isNan(x));
}

// 1 − erf, without cancellation for large x.
fn erfc_(x: F) -> F {
  let v = abs(x);
  let far = erfcFar_(v);
  return select(select(select(far, F(2.0) - far, x < F(0.0)), F(1.0) - erfNear_(x), v < F(1.0)), x, isNan(x));
}
