package io.phiscale.model.train;

import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.NativeOps;
import org.nd4j.nativeblas.NativeOpsHolder;

/** The GPUs of ND4J's CUDA back end. */
final class Nd4jAccelerators implements Accelerators {

  @Override
  public int count() {
    return Nd4j.getEnvironment().isCPU() ? 0 : Nd4j.getAffinityManager().getNumberOfDevices();
  }

  @Override
  public Device device(int index) {
    NativeOps ops = NativeOpsHolder.getInstance().getDeviceNativeOps();
    return new Device(
        index, ops.getDeviceName(index), ops.getDeviceMajor(index), ops.getDeviceMinor(index));
  }

  @Override
  public int current() {
    return Nd4j.getAffinityManager().getDeviceForCurrentThread();
  }

  @Override
  public void use(int index) {
    Nd4j.getAffinityManager().unsafeSetDevice(index);
  }
}
