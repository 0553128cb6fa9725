"""agree.py PROGRAM [COUNT]: CBC's optimum against HiGHS's on the same MPS files, to 1e-6.

HiGHS is PyPI's highspy; without it the check is skipped (exit 77)."""
import subprocess
import sys
import tempfile

try:
    import highspy
except ImportError:
    print("skipped: no highspy (pip install highspy)")
    sys.exit(77)


def optimum(path):
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", 1e-9)
    solver.setOptionValue("threads", 1)
    solver.readModel(path)
    solver.run()
    return solver.getInfo().objective_function_value


def main():
    count = sys.argv[2] if len(sys.argv) > 2 else "24"
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([sys.argv[1], folder, count], check=True, capture_output=True, text=True)
        worst, lines = 0.0, out.stdout.splitlines()
        for line in lines:
            path, ours = line.split()
            theirs = optimum(path)
            error = abs(float(ours) - theirs) / max(1.0, abs(theirs))
            worst = max(worst, error)
            if error > 1e-6:
                print(f"{path}: CBC {ours}, HiGHS {theirs:.12g}")
    print(f"{len(lines)} programs, largest relative difference {worst:.2g}")
    return 1 if worst > 1e-6 or len(lines) < 20 else 0


sys.exit(main())
