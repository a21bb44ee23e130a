"""Seconds that the plans take; `make bench` prints what docs/benchmarks.md reports."""

import time

import numpy as np
import pandas as pd
import pytest

from models.operations.allocation import AllocationConfig, allocate

pytestmark = pytest.mark.bench


def test_allocation_of_500_areas() -> None:
    rng = np.random.default_rng(1)
    ids = [f"a{i:03d}" for i in range(500)]
    crimes, harm, hours = (pd.Series(rng.gamma(shape, 20, 500), ids) for shape in (1.0, 0.7, 2.0))
    shares = pd.concat([pd.DataFrame({"area_id": ids, "group": g, "share": rng.beta(1, 4, 500)}) for g in "xyz"])
    config = AllocationConfig(floor_share=0.5, ceiling_share=2.0, averted_share=0.2, equity_cap_ratio=1.0)
    for words, groups in (("without caps", None), ("under three equity caps", shares)):
        began, busy = time.perf_counter(), time.process_time()
        allocate(crimes, harm, hours, config=config, group_shares=groups)
        seconds, of_processor = time.perf_counter() - began, time.process_time() - busy
        print(f"\nallocation of 500 areas, {words}: {seconds:.2f} s, {of_processor:.2f} s of processor time")
