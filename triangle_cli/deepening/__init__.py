"""Fronts with an exact tail, deepened a layer at a time: how errors keep falling with depth at width 4.

tail      R(p, q), what infinitely many projective tents add up to, and the identity that unrolls one of them
front     dense ReLU layers that end in (p, q, y): y + sign R(p, q)
start     fronts of one layer, from hyperbolas that touch the target
loss      the mean square over the interval, or over samples; pieces and normal are its compiled parts
descent   Levenberg-Marquardt, and kicks out of where it comes to rest
deepen    the whole: fronts of 1, 2, .. layers, then a finite tail, and all weights of the ReLU network
"""
