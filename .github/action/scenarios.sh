#!/usr/bin/env bash
# Runs the scenarios. Settings are in the environment, as HARNESS_…; pytest's exit status is this one's.
#   SCENARIOS ARGUMENTS: inputs of the action of these names   REPORT: the folder for what is uploaded
set -euo pipefail

for name in $(compgen -e HARNESS_); do # an input that is empty is no setting
  [ -n "${!name}" ] || unset "$name"
done
if [ "$HARNESS_PROVIDER" = kind ]; then
  harness doctor || true # the run says what it skips, and why
fi
export HARNESS_BUNDLE=$REPORT/clusters
read -r -a paths <<<"$SCENARIOS"
eval "arguments=($ARGUMENTS)" # quotes are the user's own
status=0
# shellcheck disable=SC2154 # eval assigns it
pytest "${paths[@]}" --junitxml="$REPORT/junit.xml" \
  --harness-report="$REPORT/report.html" --harness-report-json="$REPORT/report.json" "${arguments[@]}" || status=$?
[ ! -e "$REPORT/report.json" ] || harness report annotate "$REPORT/report.json"
exit "$status"
