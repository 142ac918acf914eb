"""How gradients become better parameters; read `descent` for the idea, `recipes` for the rest."""

from tinygrad_neuron.optim.clipping import (
    clip_by_norm as clip_by_norm,
    clip_by_value as clip_by_value,
)
from tinygrad_neuron.optim.descent import GradientDescent as GradientDescent, Optimiser as Optimiser
from tinygrad_neuron.optim.minimising import minimise as minimise, settle as settle
from tinygrad_neuron.optim.recipes import (
    Adagrad as Adagrad,
    Adam as Adam,
    AdamW as AdamW,
    Lion as Lion,
    Momentum as Momentum,
    Nesterov as Nesterov,
    RMSprop as RMSprop,
)
from tinygrad_neuron.optim.schedules import (
    Plateau as Plateau,
    cosine as cosine,
    one_cycle as one_cycle,
    stepwise as stepwise,
    warm_up as warm_up,
)
