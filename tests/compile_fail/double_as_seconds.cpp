// error: conversion from .double.|no viable conversion
#include "tightrope/core/units.h"

using namespace tightrope;

#ifdef WRONG
Seconds t = 1.5;
#else
Seconds t(1.5);
#endif
