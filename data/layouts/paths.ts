// Paths as text, with / between names, wherever the files are.

export const join = (folder: string, name: string): string =>
  folder === "" || folder.endsWith("/") ? folder + name : `${folder}/${name}`;

/** The last name of a path. */
export const basename = (path: string): string => /[^/]*$/.exec(path.replace(/\/+$/, ""))![0];
