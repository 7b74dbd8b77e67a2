import time, sys
import numpy as np
from triangle_cli.deepening import kernel as K

class Loss:
    def __init__(self, f): self.f = f; self.evals = 0; self.steps = 0; self.cut = 0.
    def at(self, theta, widths, sign):
        self.evals += 1
        u, out = K.breakpoints(theta, widths)
        if len(u) > 20000: return np.inf, None
        nodes, local, w, first = K.gauss_nodes(u, out)
        r = self.f(nodes) - K.fitted(out, local, first, sign)
        m = w @ (r*r)
        if self.cut and len(out) == 3: m += self.cut*K.tail_energy(out, local, w, first)
        return (m if np.isfinite(m) else np.inf), (u, out, local, w, first, r, self.cut)

STAT = {}
def lm(loss, theta, widths, sign, iters, lam=1e-4, tol=3e-3, up=5., down=5., floor=1e-13):
    best, state = loss.at(theta, widths, sign); stall = 0
    if state is None: return theta, np.inf
    for it in range(iters):
        H, g = K.normal_equations(theta, widths, sign, *state); ok = False; loss.steps += 1
        for _ in range(10):
            st, solved = K.damped_step(H, g, lam)
            if solved and np.isfinite(st).all():
                for a in (1., .4, .15):
                    v, s = loss.at(theta+a*st, widths, sign)
                    if v < best: ok = True; break
                if ok: break
            lam *= up
            if lam > 1e6: break
        if not ok: break
        rel = (best-v)/best; theta, best, state = theta+a*st, v, s
        if a == 1.: lam = max(lam/down, floor)
        stall = stall+1 if rel < tol else 0
        if stall >= 6: break
    return theta, best

def split(theta, widths):
    out, i = [], 0
    for a, b in zip(widths[:-1], widths[1:]):
        n = b*(a+1); out.append(theta[i:i+n].reshape(b, a+1)); i += n
    return out
def join(layers): return np.concatenate([l.ravel() for l in layers]), np.array([1]+[len(l) for l in layers])
def normalise(layers):
    layers = [x.copy() for x in layers]
    for k in range(len(layers)-1):
        rn = np.linalg.norm(layers[k], axis=1); cn = np.linalg.norm(layers[k+1][:, :-1], axis=0)
        s = np.sqrt(np.where((rn > 0) & (cn > 0), cn/np.maximum(rn, 1e-300), 1)); layers[k] *= s[:, None]; layers[k+1][:, :-1] /= s
    return layers
def values(layers, g):
    Z = g[None]
    for w in layers[:-1]: Z = np.maximum(w[:, :-1]@Z+w[:, -1:], 0)
    return layers[-1][:, :-1]@Z+layers[-1][:, -1:]

def hermite(f, K_):
    h = 1e-6
    df = lambda u: (f(np.minimum(u+h, 1))-f(np.maximum(u-h, 0)))/(np.minimum(u+h, 1)-np.maximum(u-h, 0))
    dev = lambda j, u: np.abs(f(u)-f(j)-df(j)*(u-j))
    us = np.linspace(0, 1, K_+1)
    for _ in range(60):
        for j in range(1, K_):
            a, c = us[j-1], us[j+1]; lo, hi = a, c
            for _ in range(50):
                m = (lo+hi)/2
                if dev(a, m) < dev(c, m): lo = m
                else: hi = m
            us[j] = m
    al = np.array([dev(us[j+1], us[j]) if j < K_ else dev(us[j-1], us[j]) for j in range(K_+1)])
    return us, al
def start(f, sign, rng, width, kinks):
    Kk = kinks; us, al = hermite(f, Kk)
    us[1:-1] += rng.normal(size=Kk-1)*.03*rng.integers(0, 2); us.sort(); y = f(us)
    al = al*np.exp(rng.normal(size=Kk+1)*.3*rng.integers(0, 2))
    P = np.where(np.arange(Kk+1) % 2 == 0, al, 0); Q = np.where(np.arange(Kk+1) % 2 == 1, al, 0)
    W1 = np.zeros((width, 2)); W1[:, 0] = 1; W1[1:Kk, 1] = -us[1:Kk]
    if Kk < width: W1[Kk:, 1] = -.5
    def coef(v):
        s = np.diff(v)/np.diff(us); c = np.zeros(width); c[0] = s[0]; c[1:Kk] = np.diff(s); return np.append(c, v[0])
    return join(normalise([W1, np.stack([coef(P), coef(Q), coef(y)])]))
def deepen(theta, widths, sg, rng, fold):
    W = [w.copy() for w in split(theta, widths)]; width = W[0].shape[0]; out = W.pop()
    g = np.unique(np.concatenate([K.breakpoints(theta, widths)[0], np.linspace(0, 1, 2049)])); Z = g[None]
    for w in W: Z = np.maximum(w[:, :-1]@Z+w[:, -1:], 0)
    v = out[:, :-1]@Z+out[:, -1:]; span = np.maximum(v.max(1)-v.min(1), 1e-300)
    lf = np.maximum(0, -v.min(1))+span*np.exp(rng.uniform(np.log(.02), np.log(.7), 3))
    w = np.zeros((width, out.shape[1])); w[:3] = out; w[:3, -1] += lf
    first = 3
    if fold: w[3] = out[0]-out[1]; first = 4
    for j in range(first, width):
        w[j] = rng.normal(size=3)@(out/span[:, None]); c = w[j, :-1]@Z+w[j, -1]; w[j, -1] -= np.quantile(c, rng.uniform(.1, .9))
        w[j] *= span[0]
    o = np.zeros((3, width+1))
    if fold: o[0, :4] = [-.25, .25, 0, .5]; o[1, 0], o[1, 3] = .5, -.5; o[2, 2], o[2, 0], o[2, 3] = 1, sg*.5, -sg*.5
    else: o[0, 0] = o[1, 1] = o[2, 2] = 1
    for j in range(first, width): o[:, j] = rng.normal(size=3)*1e-9
    o[:, -1] = -o[:, :3]@lf
    return join(normalise(W+[w, o]))
def unroll(theta, widths, sg, T, margin=.3):
    W = [w.copy() for w in split(theta, widths)]; width = W[0].shape[0]; out = W.pop()
    g = np.unique(np.concatenate([K.breakpoints(theta, widths)[0], np.linspace(0, 1, 4097)])); Z = g[None]
    for w in W: Z = np.maximum(w[:, :-1]@Z+w[:, -1:], 0)
    v = out[:, :-1]@Z+out[:, -1:]
    scale = 1/max(abs(v[0]).max(), abs(v[1]).max()); gain = 1/scale
    out[:2] *= scale; v[:2] *= scale
    for k in range(T):
        span = v.max(1)-v.min(1); lf = np.maximum(0, -v.min(1))+np.array([margin, margin, .5])*span
        w = np.zeros((width, out.shape[1])); w[:3] = out; w[:3, -1] += lf; w[3] = out[0]-out[1]
        W.append(w)
        out = np.zeros((3, width+1)); r = np.maximum(v[0]-v[1], 0)
        s = gain/2*(1 if k < T-1 else 4/3)
        out[0, :4] = [-1, 1, 0, 2]; out[1, 0], out[1, 3] = 2, -2; out[2, 2], out[2, 0], out[2, 3] = 1, sg*s, -sg*s
        out[:, -1] = -out[:, :3]@lf
        v = np.stack([2*r-(v[0]-v[1]), 2*(v[0]-r), v[2]+sg*s*(v[0]-r)]); gain /= 4
    W.append(out[2:3])
    return join(normalise(W))
def kicks(loss, theta, widths, sign, best, count, rng, long=300, floor=1e-13):
    wins = 0
    for _ in range(count):
        s = 10**rng.uniform(-3, -.7); mask = rng.random(len(theta)) < rng.choice([.1, .3, 1.])
        t = theta*(1+s*rng.normal(size=len(theta))*mask)+s*.1*np.abs(theta).mean()*rng.normal(size=len(theta))*mask
        t, v = lm(loss, t, widths, sign, 60, tol=2e-2, lam=1e-3, floor=floor)
        if v < 2.5*best: t, v = lm(loss, t, widths, sign, long, tol=2e-3, lam=1e-5, floor=floor)
        if v < best*.999: best, theta, wins = v, t, wins+1
    return theta, best, wins
FUN = {'x3': (lambda x: x*x*x, 0., 1., -1.), 'x11': (lambda x: x**11, 0., 1., -1.), 'sin': (np.sin, 0., 1., 1.), 'tanh3x': (lambda x: np.tanh(3*x), 0., 1., 1.), 'exp': (np.exp, -2., 2., -1.)}
if __name__ == '__main__':
    name, Fmax, n, depths, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), [int(x) for x in sys.argv[4].split(',')], int(sys.argv[5])
    f0, lo, hi, sign = FUN[name]; f = lambda u: f0(lo+(hi-lo)*u); width = 4
    loss = Loss(f); rng = np.random.default_rng([seed, 5]); t0 = time.process_time()
    res = []
    for s in range(16):
        r = np.random.default_rng([seed, s]); th, wd = start(f, sign, r, width, int(r.integers(2, width+1)))
        th, v = lm(loss, th, wd, sign, 60, tol=1e-2, lam=1e-3); res.append((v, s, th))
    res.sort(key=lambda r: r[0]); more = []
    for v, s, th in res[:3]:
        th, v = lm(loss, th, wd, sign, 600, tol=2e-3, lam=1e-4); more.append((v, s, th))
    more.sort(key=lambda r: r[0]); v, _, th = more[0]; found = {}
    print('starts', [f'{r[0]:.1e}' for r in res[:5]], f'{v:.2e} {time.process_time()-t0:.1f}s', flush=True)
    for F in range(1, Fmax+1):
        loss.cut = 16.**-(depths[0]-F)/180
        v = loss.at(th, wd, sign)[0]
        e0, s0, t1 = loss.evals, loss.steps, time.process_time()
        if F > 1:
            new = []
            for fold in (True, True, True, False):
                t, w = deepen(th, wd, sign, rng, fold); t, vv = lm(loss, t, w, sign, 40, tol=1e-2, lam=1e-4); new.append((vv, t, w))
            new.sort(key=lambda r: r[0]); vv, th, wd = new[0]; th, v = lm(loss, th, wd, sign, 500, tol=1e-3, lam=1e-5)
        v0 = v; th, v, wins = kicks(loss, th, wd, sign, v, n, rng); found[F] = (th, wd, v); loss.cut = 0; pure = loss.at(th, wd, sign)[0]
        ev, st, dt = loss.evals-e0, loss.steps-s0, time.process_time()-t1
        print(f'{name} F={F} P={len(th)} LM {v0:.2e} kicks ({wins}) {v:.2e} pure {pure:.2e} pieces {len(K.breakpoints(th, wd)[0])-1} evals {ev} steps {st} {1e3*dt/max(st,1):.2f} ms/step {time.process_time()-t0:.0f}s', flush=True)
    loss.cut = 0
    for d in depths:
        t1 = time.process_time(); c = []
        for T in range(2, 9):
            if d-T in found:
                th, wd, v = found[d-T]; t, w = unroll(th, wd, sign, T); c.append((loss.at(t, w, 0.)[0], T, t, w))
        c.sort(key=lambda r: r[0]); res = []; s0 = loss.steps
        for u_, T, t, w in c[:3]:
            t, v = lm(loss, t, w, 0., 400, tol=1e-3, lam=1e-6); res.append((v, T, t, w, u_))
        res.sort(key=lambda r: r[0]); v, T, t, w, u_ = res[0]; t2 = time.process_time()
        t, v2, wins = kicks(loss, t, w, 0., v, n//10, np.random.default_rng(3), long=100)
        print(f'{name} d={d} T={T} unrolled {u_:.2e} LM {v:.2e} {t2-t1:.0f}s kicks({wins}) {v2:.2e} knots {len(K.breakpoints(t, w)[0])-1} P={len(t)} steps {loss.steps-s0} {time.process_time()-t1:.0f}s', flush=True)
