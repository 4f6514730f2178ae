"""One side of a comparison, in a process of its own: `python -m ...side RECIPE VECTORS SEED REPEATS LABELS`.

Prints the seconds that each repetition took, as JSON, and saves the labels of the last one.
"""

import importlib
import json
import sys
import time
import warnings

import numpy as np

if __name__ == "__main__":
    recipe, vectors_file, seed, repeats, labels_file = sys.argv[1:]
    warnings.filterwarnings("ignore")
    vectors = np.load(vectors_file)
    seconds = []
    for _ in range(int(repeats)):
        started = time.perf_counter()
        cluster = importlib.import_module(f"trace_clustering_tests.benchmarks.{recipe}").cluster
        labels = cluster(vectors, int(seed))
        seconds.append(time.perf_counter() - started)
    np.save(labels_file, labels)
    print(json.dumps(seconds))
