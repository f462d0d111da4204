/** Counts and sizes. */

export function formatNumber(n: number): string {
  return n.toLocaleString();
}

/** Return the number with its noun: "1 file", "2,000 files". */
export function formatCount(n: number, singular: string, plural: string = `${singular}s`): string {
  return `${formatNumber(n)} ${n === 1 ? singular : plural}`;
}

export function formatFileSize(bytes: number): string {
  if (bytes < 1024) return formatCount(bytes, "byte");
  const kibibytes = bytes / 1024;
  return kibibytes < 1024
    ? `${Math.round(kibibytes)} KiB`
    : `${(kibibytes / 1024).toFixed(1)} MiB`;
}
