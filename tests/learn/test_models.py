"""Models with and without triangle networks."""

import pytest
import torch
from settings.composed import settings_of

from triangle_cli.learn import models
from triangle_cli.settings.learn import Architecture, ModelSettings


def model_settings(**more):
    words = {
        "name": "mlp",
        "architecture": Architecture.mlp,
        "hidden": [8, 6],
        "channels": None,
        "dropout": 0.0,
    }
    words |= {"replace": ["*"], "interval": [-1.0, 1.0], "matched": False, "weights": None, "frozen": False}
    return ModelSettings(**(words | more))


def test_vgg16_has_the_parameters_of_the_paper_it_is_from():
    settings = settings_of("data=imagenet", "data.path=.").model
    with torch.device("meta"):
        model = models.build(settings, (3, 224, 224), 1000, None)
    assert models.parameter_count(model) == 138_357_544
    assert model.classifier[6].out_features == 1000
    assert model.features[28].weight.shape == (512, 512, 3, 3)


def test_vgg16_with_triangle_networks_takes_pictures():
    settings = settings_of("data=imagenet", "data.path=.", "model.hidden=[8]").model
    model = models.build(settings, (3, 32, 32), 2, {"depth": 2}).eval()
    with torch.no_grad():
        assert model(torch.rand(2, 3, 32, 32)).shape == (2, 2)


def test_convolutions_start_from_a_state_dict_and_stay_if_frozen(tmp_path):
    shape = (1, 8, 8)
    cnn = {"architecture": Architecture.cnn, "channels": [4]}
    first = models.build(model_settings(**cnn), shape, 3, None)
    torch.save(first.state_dict(), tmp_path / "first.pt")
    again = {**cnn, "weights": str(tmp_path / "first.pt"), "frozen": True}
    second = models.build(model_settings(**again), shape, 3, {"depth": 2})
    assert torch.equal(second.features[0].weight, first.features[0].weight)
    assert not second.features[0].weight.requires_grad
    with pytest.raises(ValueError, match=r"expected features\.\* of this model"):
        models.build(model_settings(**{**again, "channels": [5]}), shape, 3, None)


@pytest.mark.parametrize("hidden", [[8], [8, 6], [64, 64]])
def test_a_matched_model_has_as_many_parameters_or_nearly(hidden):
    settings, layers = model_settings(hidden=hidden), {"depth": 3}
    widths = models.matched_widths(settings, (10,), 4, layers)
    triangle = models.build(settings, (10,), 4, layers)
    with_relu = models.build(model_settings(hidden=widths), (10,), 4, None)
    wanted = models.parameter_count(triangle, released=True)
    assert models.parameter_count(with_relu) == pytest.approx(wanted, rel=0.1)
