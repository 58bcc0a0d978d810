"""python -m tests.torture.worker SCENARIO SEED HOME PLANTED: one warm image; cells on stdin, results on stdout."""

import os
import sys
from pathlib import Path


def main() -> None:
    scenario, seed, home, planted = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    if planted:
        from tests.torture.planted import plant

        plant(planted)
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints, it is no result
    from tests.forked_accounts import end_with_parent

    end_with_parent()
    from tests.torture.deeds import policy_text
    from tests.torture.image import Image
    from tests.torture.laboratory import Laboratory, Result, as_json

    image = Image(scenario=scenario, seed=seed, policy=policy_text(), home=home)
    try:
        image.warm()
        laboratory = Laboratory(image)
        print("ready", file=results, flush=True)
        for line in sys.stdin:
            cell = line.strip()
            try:
                found = laboratory.run(cell)
            except Exception as error:  # noqa: BLE001  a cell that breaks is a result, and the others go on
                import traceback

                found = [Result(cell, violations=[("missed", repr(error))], note=traceback.format_exc())]
            for result in found:
                print(as_json(result), file=results)
            print("next", file=results, flush=True)
    finally:
        image.close()


if __name__ == "__main__":
    main()
