#!/usr/bin/env bash
# Runs every notebook in Jupyter and leaves executed HTML; -Pnotebooks calls it.
#
#   notebooks/execute.sh KERNEL_JAR CLASSPATH_FILE PHISCALE_JAR OUTPUT
#
# KERNEL_JAR      rapaio-jupyter-kernel
# CLASSPATH_FILE  jars that Spark would bring, separated by ':' (jobs/target/spark.classpath)
# PHISCALE_JAR    the assembled jar
# OUTPUT          a folder: gets NAME.html, and jupyter/kernels/phiscale, the kernel with Phiscale in it
#
# PHISCALE_RUN and PHISCALE_TABLE name a run directory and a table other than the samples.
set -euo pipefail

[[ $# == 4 ]] || { sed -n '2,12s/^# \?//p' "$0" >&2; exit 2; }
kernel=$1 spark=$(<"$2") phiscale=$3 output=$4
notebooks=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

jupyter nbconvert --version >/dev/null 2>&1 || {
  echo "notebooks: no 'jupyter nbconvert' found: install it (Debian: apt-get install jupyter-nbconvert; else pip install nbconvert)" >&2
  exit 1
}

properties=()
[[ -n ${PHISCALE_RUN:-} ]] && properties+=("-Dphiscale.run=$PHISCALE_RUN")
[[ -n ${PHISCALE_TABLE:-} ]] && properties+=("-Dphiscale.table=$PHISCALE_TABLE")

mkdir -p "$output/jupyter/kernels/phiscale"
argv=$(printf '"%s", ' "$java" -Djava.awt.headless=true \
  "-Dlog4j2.configurationFile=file:$notebooks/../conf/log4j2.properties" \
  ${properties[@]+"${properties[@]}"} -jar "$kernel")
cat >"$output/jupyter/kernels/phiscale/kernel.json" <<JSON
{
  "argv": [$argv"{connection_file}"],
  "display_name": "Java (Phiscale)",
  "language": "java",
  "interrupt_mode": "message",
  "env": {
    "RJK_CLASSPATH": "$phiscale;${spark//:/;}",
    "RJK_COMPILER_OPTIONS": "",
    "RJK_INIT_SCRIPT": "",
    "RJK_TIMEOUT_MILLIS": "-1"
  }
}
JSON

cd "$notebooks"
JUPYTER_PATH=$output/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH} \
  jupyter nbconvert --to html --execute --ExecutePreprocessor.timeout=600 --ExecutePreprocessor.startup_timeout=300 \
  --output-dir "$output" ./*.ipynb
