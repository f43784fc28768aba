/** Of a process that found no store when it started, as sysexits.h calls it: EX_TEMPFAIL. */
export const NO_STORE = 75
