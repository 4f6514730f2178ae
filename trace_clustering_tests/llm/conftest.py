from trace_clustering_tests.labeling.conftest import labeling  # noqa: F401 - the agent asks in many ways
