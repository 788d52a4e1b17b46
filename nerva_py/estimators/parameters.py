"""The parameters that classifier and regressor have in common, as their docstrings list them."""

PARAMETERS = """
    Parameters have the names of scikit-learn's MLP where they mean the same.

    Parameters
    ----------
    hidden_layer_sizes : widths of the hidden layers, (100,); a number is one layer.
    activation : of the hidden layers, "relu", "tanh", "logistic", "identity", or a specification such as "AllReLU(0.6)".
    density : "auto" stores min(1, 20 (K + D)/(K D)) of the weights of a layer with D inputs and K outputs, about 20 for each
        neuron (SET's rule), so that small layers are dense; a number from 0 to 1 is the overall density, which
        Erdős–Rényi's rule shares out; or one number a layer, the output layer included.
    method : None, or a topology method that moves weights while the network learns: "SET(0.3)", "RigL(0.3, every=50)", ...
    dropout : share of the outputs of each hidden layer that a training step sets to zero, 0.
    solver : "adam", "sgd", "lbfgs" (SciPy's, with all samples in each step; max_iter counts its iterations), or a specification
        such as "AdamW(weight_decay=0.1)".
    momentum, nesterovs_momentum : of "sgd", 0.9 and True.   beta_1, beta_2, epsilon : of "adam", 0.9, 0.999 and 1e-8.
    max_fun : evaluations at most of "lbfgs", 15,000.
    alpha : strength of the L2 penalty, 0.0001; alpha/2 ‖W‖² is added to the summed loss of a mini-batch.
    batch_size : samples in a mini-batch; "auto" is min(200, M).
    learning_rate_init : the learning rate, 0.001; or a schedule such as "Cosine(0.001; 200)".
    learning_rate, power_t : of "sgd": "constant"; "invscaling", by which the rate of an epoch before which t samples have been
        seen is learning_rate_init / (t + 1)^power_t, power_t = 0.5; or "adaptive", which divides the rate by 5 whenever
        training would end for want of improvement, until it is 1e-6.
    max_iter : epochs at most, 200.
    shuffle : whether the samples of an epoch come in a new order.
    random_state : of initial weights, topology, order of samples, dropout and validation split.
    tol, n_iter_no_change : training ends when the loss, or with early_stopping the validation score, has not improved by more
        than tol (0.0001) for that many epochs (10; infinity is never).
    verbose : True prints a line an epoch, as every number but 2 does, which shows a progress bar.
    warm_start : whether `fit` continues with the network that there is; then what makes a network cannot be changed.
    early_stopping : whether to stop by the score on validation data, and to keep the network of the best epoch.
    validation_fraction : share of the samples that is set apart for it, 0.1, unless fit gets X_val and y_val.
    weights : initial weights: "XavierNormalized" (MLPClassifier's), "Xavier", "He", "SparseHe", which looks at the inputs that
        a neuron really has, ..., or one name a layer.
    callbacks : callbacks of the trainer (`nerva_py.Callback`). Copies of them see the training, and are in `callbacks_`
        afterwards. Where there are several fits, {run} in the name of a file gives each its own: CSVLogger("run-{run}.csv").
    backend : who computes sparse products, "numba", "scipy" or "mkl".
    n_threads : threads at most; None is what Numba has (in workers of joblib, a fair share of the cores), but one thread
        where a step is too small to be shared. The results do not depend on it.

    Attributes
    ----------
    network_ : the `MLP`.
    coefs_, intercepts_ : weights, one `csr_array` (inputs, outputs) a layer, and biases.
    feature_importances_ : strength of each input as a share of all (D,), for SelectFromModel.
    loss_curve_, loss_, best_loss_ : the mean loss of the mini-batches of each epoch as they were met, with the penalty.
    validation_scores_, best_validation_score_ : accuracy or R² after each epoch; None without validation data.
    callbacks_ : the copies of `callbacks` that saw the last training.
    history_ : the trainer's history, with what callbacks measured.
    n_iter_, t_ : epochs of the last fit, samples seen so far.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_, density_.

    Notes
    -----
    The element type is that of X: float32 and float64 are kept (float32 is about twice as fast), bytes are computed with in
    float32 as they are, everything else becomes float64. As with every MLP, scale the features first.
"""
