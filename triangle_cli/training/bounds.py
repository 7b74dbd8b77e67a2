"""Where the numbers of a construction stay: what spaces and their compiled code have in common."""

PEAK_MARGIN = 1e-3  # peaks stay in (margin, 1 - margin), where 1/a and 1/(1-a) keep float64's digits
LOGISTIC_RATE = 4.0  # the logistic map then has slope 1 at 1/2: a learning rate is in units of the peak
TENT_BOUND = 8.0  # lambda, mu and kappa of tents stay between exp(-8) = 3e-4 and exp(8) = 3e3
