#!/usr/bin/env bash
# Install the peers, each into an environment of its own under benchmarks/.peers/: all of them, or those named.
# PYTHON=/path/to/python chooses the interpreter (3.11 or later; all four install on 3.11).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}

requirements() {
    case $1 in
        vectorbt) echo vectorbt==1.2.0 numpy==2.4.6 numba==0.68.1 pandas==3.1.1 ;;
        backtesting) echo backtesting==0.6.6 numpy==2.4.6 pandas==3.1.1 ;;
        backtrader) echo backtrader==1.9.78.123 numpy==2.4.6 pandas==3.1.1 ;;
        freqtrade) echo freqtrade==2026.9 numpy==2.4.6 pandas==3.1.1 ta-lib==0.8.2 ;;
        *) echo "peers: unknown peer $1; the peers are vectorbt, backtesting, backtrader, freqtrade" >&2; return 1 ;;
    esac
}

if (($# == 0)); then set -- vectorbt backtesting backtrader freqtrade; fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "peers: no usable Python at $python; run scripts/bootstrap first, or set PYTHON" >&2
    exit 1
fi
for peer in "$@"; do
    wanted=$(requirements "$peer")
    environment=$here/.peers/$peer
    echo "peers: $peer: $wanted" >&2
    "$python" -m venv "$environment"
    # shellcheck disable=SC2086 # the requirements are words
    if ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check $wanted \
        >"$environment/pip.log" 2>&1; then
        echo "peers: $peer did not install: $(grep -i error "$environment/pip.log" | tail -n 1)" >&2
        exit 1
    fi
done
