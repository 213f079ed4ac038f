#!/usr/bin/env bash
# Says in a pull request what its change to configuration does to which requests. The comment is written once,
# and then kept current.
#   COMPARE WITH FAIL_ON_DIFFERENCE: inputs of the action of these names
#   BASE: the commit to compare with   NUMBER: the pull request's   REPORT: the folder for what is uploaded
set -euo pipefail

mark='<!-- mesh-migration-harness: compare -->'
comment=$REPORT/review.md
read -r -a paths <<<"$COMPARE"
options=()
read -r -a apps <<<"$WITH"
for path in "${apps[@]}"; do options+=(--with "$path"); done

git cat-file -e "$BASE^{commit}" 2>/dev/null || git fetch --quiet --depth 1 origin "$BASE"
status=0
harness compare --git "$BASE" "${paths[@]}" "${options[@]}" --markdown >"$REPORT/compare.md" || status=$?
if [ "$status" -gt 1 ] || [ ! -s "$REPORT/compare.md" ]; then # without a word it crashed
  echo "::error::the configuration couldn't be compared with $BASE"
  exit 2
fi
{ echo "$mark" && cat "$REPORT/compare.md"; } >"$comment"
cat "$REPORT/compare.md" >>"$GITHUB_STEP_SUMMARY"

publish() { # one comment, found again by its mark
  local api=repos/$GITHUB_REPOSITORY/issues id
  id=$(gh api --paginate "$api/$NUMBER/comments" --jq ".[] | select(.body | startswith(\"$mark\")) | .id") || return
  id=$(head -n 1 <<<"$id")
  if [ -n "$id" ]; then
    gh api --silent --method PATCH "$api/comments/$id" --field "body=@$comment"
  else
    gh api --silent --method POST "$api/$NUMBER/comments" --field "body=@$comment"
  fi
}
publish || echo "::warning::the comment couldn't be written (a pull request from a fork has no right to): see the job's summary"

if [ "$status" = 1 ] && [ "$FAIL_ON_DIFFERENCE" = true ]; then
  echo "::error::the change makes a difference: see the comment"
  exit 1
fi
