package io.phiscale.model;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Which package may know which. */
class ModelWallsTest {

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.phiscale.model");

  @Test
  void somethingIsLookedAt() {
    for (String part : new String[] {"scaling", "spec", "kernels", "layers", "network", "train"}) {
      assertThat(
              CLASSES.stream()
                  .anyMatch(c -> c.getPackageName().equals("io.phiscale.model." + part)))
          .as("classes in package %s", part)
          .isTrue();
    }
  }

  @Test
  void modelKnowsNeitherSparkNorHadoopNorItsNeighbours() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "org.apache.spark..",
            "org.apache.hadoop..",
            "org.apache.parquet..",
            "io.phiscale.pipeline..",
            "io.phiscale.jobs..")
        .check(CLASSES);
  }

  @Test
  void kernelsKnowOnlyNd4j() {
    noClasses()
        .that()
        .resideInAPackage("io.phiscale.model.kernels..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.phiscale.model.layers..",
            "io.phiscale.model.network..",
            "io.phiscale.model.spec..",
            "io.phiscale.model.scaling..",
            "io.phiscale.model.train..",
            "org.deeplearning4j..")
        .check(CLASSES);
  }

  @Test
  void packagesFormNoCycle() {
    slices().matching("io.phiscale.model.(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void layersDoNotKnowNetworks() {
    noClasses()
        .that()
        .resideInAPackage("io.phiscale.model.layers..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.phiscale.model.network..")
        .check(CLASSES);
  }

  @Test
  void nothingAboveTheInterfaceKnowsWhichKernelsRun() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.phiscale.model.kernels..")
        .should()
        .dependOnClassesThat()
        .haveSimpleNameEndingWith("Nd4jKernels")
        .check(CLASSES);
  }

  @Test
  void specificationsArePlainValues() {
    noClasses()
        .that()
        .resideInAnyPackage("io.phiscale.model.scaling..", "io.phiscale.model.spec..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.phiscale.model.kernels..",
            "io.phiscale.model.layers..",
            "io.phiscale.model.network..",
            "io.phiscale.model.train..",
            "org.nd4j..",
            "org.deeplearning4j..")
        .check(CLASSES);
  }
}
