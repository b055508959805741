#!/bin/sh
# Wall and processor time of each stage, from the benchmarks of a finished study: stage_times.sh results/demo
set -eu
find "$1/benchmarks" -name '*.tsv' | sort | awk -v root="$1/benchmarks/" '
  function number(text) { return text ~ /^[0-9.]+$/ ? text + 0 : 0 }
  {
    file = $0; stage = substr(file, length(root) + 1); sub(/[\/.].*/, "", stage)
    getline header < file
    columns = split(header, names, "\t")
    while ((getline line < file) > 0) {
      split(line, values, "\t")
      for (i = 1; i <= columns; i++) {
        if (names[i] == "s") wall[stage] += number(values[i])
        if (names[i] == "cpu_time") cpu[stage] += number(values[i])
      }
      jobs[stage]++
    }
    close(file)
    if (!(stage in seen)) { seen[stage] = ++stages; order[stages] = stage }
  }
  END {
    printf "%-16s %5s %9s %9s\n", "stage", "jobs", "wall [s]", "core [s]"
    for (i = 1; i <= stages; i++) {
      stage = order[i]
      printf "%-16s %5d %9.1f %9.1f\n", stage, jobs[stage], wall[stage], cpu[stage]
      all += wall[stage]; cores += cpu[stage]
    }
    printf "%-16s %5s %9.1f %9.1f\n", "sum of jobs", "", all, cores
  }'
