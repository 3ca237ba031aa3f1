// Downloads: hand a file to the user, and make a safe file name from a clip's name.

/** Hand a file to the user as a download. */
export function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** A clip's name without its ending, of letters that any disk takes; `file_stem` in file_export.py is its twin. */
export const stem = (name: string): string => name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_") || "clip";
