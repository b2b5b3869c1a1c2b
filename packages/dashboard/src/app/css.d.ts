// Style sheets are Vite's to bundle; the types only need to know that there are some.
declare module '*.css' {}
