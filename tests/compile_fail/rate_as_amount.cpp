// error: conversion from .*|no viable conversion
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
Bytes moved = BytesPerSecond(1e9);
#else
Bytes moved = BytesPerSecond(1e9) * Seconds(2);
#endif
