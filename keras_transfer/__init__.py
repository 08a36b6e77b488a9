"""The transferability laboratory for Keras.

Measures, layer by layer, how features turn from general to specific, after
Yosinski, Clune, Bengio and Lipson (2014), "How transferable are features in
deep neural networks?" (https://arxiv.org/abs/1411.1792).

Importing the package imports neither Keras nor TensorFlow; ask for the piece
you need: `from keras_transfer.transfer import actions`.
"""

__version__ = "0.1.0"
