// Exponentials and logarithms, and what is made of them: built-ins overflow, swallow NaN, or lose small arguments.

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
