"""What the public code of arXiv:2506.12996 answers, in an interpreter that has TensorFlow and nothing of ours.

    python mld.py FOLDER OUT

FOLDER is where its `models` and `utils` lie; OUT, an .npz, gets random weights, inputs, answers, losses and
gradients. Chance is a number, so that both sides draw the same: every normal number is `CHANCE`.
"""

import os
import sys
from pathlib import Path

import numpy as np

CHANCE, SEED, GAIN = 0.5, 0, 1.6
FIELDS = ["temperature", "pressure", "microstructure"]
TOKENS, UNIT, CHANNELS, BATCH = (8, 12), 8, 4, 2
HORIZON, RATIO = 2, 2
VAE_WEIGHTS = [1.0, 0.01, 0.0, 0.5, 1.0]  # reconstruction, divergence, nothing, edges, features


class Recorder:
    """An optimiser that keeps the gradients and changes nothing."""

    def apply_gradients(self, pairs):
        self.found = [gradient.numpy() for gradient, _ in pairs]


def main(folder, out):
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"}
    sys.path.insert(0, folder)
    import tensorflow as tf

    tf.random.normal = lambda shape, **_: tf.fill(shape, CHANCE)
    from utils import dir_hyper

    from models import meso_dynamics_coupled_efficient as meso
    from models import vae

    source, answers = np.random.default_rng(SEED), {}
    drawn = lambda *shape: source.normal(size=shape).astype("float32")  # noqa: E731

    def shaken(name, network):
        """Give a network random weights, biases included, and keep them."""
        layers = [layer for layer in network.layers if layer.get_weights()]
        for number, layer in enumerate(layers):
            kernel, bias = layer.get_weights()
            size = np.sqrt(GAIN / np.prod(kernel.shape[:3]))
            layer.set_weights([size * drawn(*kernel.shape), 0.1 * drawn(*bias.shape)])
            for what, value in zip(("kernel", "bias"), layer.get_weights(), strict=True):
                answers[f"{name}/{number}/{what}"] = value
        return network

    cells = [UNIT * size for size in TOKENS]
    autoencoder = vae.VAE((*cells, 1), VAE_WEIGHTS)
    autoencoder.perceptual_loss = lambda *_: 0.0  # its features would have to be downloaded
    shaken("encoder", autoencoder.encoder)
    shaken("decoder", autoencoder.decoder)
    field = source.uniform(size=(BATCH, *cells, 1)).astype("float32")
    mean, log_var, latent = autoencoder.encoder(field)
    answers |= {"field": field, "mean": mean, "log_var": log_var, "decoded": autoencoder.decoder(latent)}
    autoencoder.optimizer = Recorder()
    losses = autoencoder.train_step(field)
    answers |= {f"loss/{name}": value for name, value in losses.items()}
    keep(answers, "vae", autoencoder.optimizer.found)

    weights = str(Path(out).with_suffix(".h5"))
    autoencoder.decoder.save_weights(weights)
    dir_hyper.vae_dir["temperature"]["decoder"] = weights
    seen = [(0, "temperature")]
    step = meso.MesoDynamicsCoupledEfficient(HORIZON, RATIO, FIELDS, seen, (*TOKENS, CHANNELS), [1, 1, 1], "unet")
    shaken("coupled/mean", step.latent_evolution_mean)
    shaken("coupled/log_var", step.latent_evolution_var)
    for name in FIELDS:
        for theirs, ours in (("mean", "mean"), ("var", "log_var")):
            network = shaken(f"{name}/{ours}", getattr(step, f"{name}_decoupled_evol_{theirs}"))
            network.trainable = False
    shape = (BATCH, *TOKENS, len(FIELDS) * CHANNELS)
    means, log_vars = drawn(*shape, HORIZON + 1), drawn(*shape, HORIZON + 1)
    truth = source.uniform(size=(BATCH, *cells, 1, HORIZON)).astype("float32")
    unet = step.temperature_decoupled_evol_mean
    later = step.micro_to_meso_evolution(means[..., 0], log_vars[..., 0])
    answers |= {"means": means, "log_vars": log_vars, "truth": truth, "later/mean": later[0], "later/log_var": later[1]}
    answers["alone"] = unet(means[..., :CHANNELS, 0])
    answers["learning"] = unet(means[..., :CHANNELS, 0], training=True)
    step.optimizer = Recorder()
    start = (means[..., :1], means[..., 1:], log_vars[..., :1], log_vars[..., 1:], truth)
    losses = step.train_step(tuple(tf.constant(value) for value in start))
    answers |= {f"loss/{name}": value for name, value in losses.items() if name != "total_loss"}
    answers["loss/roll_out"] = losses["total_loss"]
    keep(answers, "step", step.optimizer.found)
    np.savez(out, **{name: np.asarray(value) for name, value in answers.items()})


def keep(answers, name, gradients):
    """Keep gradients, those of kernels and biases in turn."""
    for number in range(0, len(gradients), 2):
        answers[f"gradient/{name}/{number // 2}/kernel"] = gradients[number]
        answers[f"gradient/{name}/{number // 2}/bias"] = gradients[number + 1]


if __name__ == "__main__":
    main(*sys.argv[1:])
