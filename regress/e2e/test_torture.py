"""test_torture.py: make torture in short, on the servers of the other tests."""
import os
import random
import sys

import pytest

import rig

sys.path.insert(0, str(rig.TOP / 'regress/torture'))

from torture import Torture  # noqa: E402

COUNTS = {'relay': 14, 'walsender': 8, 'server': 1, 'broker': 1, 's3': 1}


@pytest.mark.slow
def test_torture(own_pg, kafka, s3, tmp_path):
    seed = int(os.environ.get('SEED') or random.randrange(1 << 30))
    print(f'SEED={seed}')
    torture = Torture(own_pg, kafka, s3, tmp_path, COUNTS, writers=6,
                      seed=seed)
    found = torture.run()
    for what, well in torture.verdicts(found):
        assert well, what
    assert torture.rows > 100
