// The error function and its complement (erf, erfc).

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
